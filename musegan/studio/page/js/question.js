// A question before something of the user's is lost.

const dialog = document.getElementById("question");
const [yes, no] = dialog.querySelectorAll("button");

/** Ask; resolves to whether the user wants it. */
export function askUser(text, action) {
  document.getElementById("question-text").textContent = text;
  yes.textContent = action;
  dialog.showModal();
  no.focus();
  return new Promise((done) => {
    const end = (answer) => {
      dialog.close();
      done(answer);
    };
    yes.onclick = () => end(true);
    no.onclick = () => end(false);
    dialog.oncancel = () => done(false);
  });
}
