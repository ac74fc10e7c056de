// The lanes as pictures of a fixed width: each is drawn once, and only moved when the page is scrolled.

const WIDTH = 256; // of a tile, in pixels of the screen
const MOST = 64; // tiles that are kept
const tiles = new Map(); // bitmap by number, those used last at the end

/** Forget all pictures, for something on them has changed. */
export function clearTiles() {
  tiles.clear();
}

/** Put the tiles of a view on a canvas. `paint(g, left, right)` draws the lanes between two places of the piece. */
export function drawTiles(g, view, height, paint) {
  const scale = devicePixelRatio || 1;
  const [left, top] = [Math.round(view.left * scale), Math.round(view.top * scale)];
  g.save();
  g.setTransform(1, 0, 0, 1, 0, 0);
  for (let number = Math.floor(left / WIDTH); number * WIDTH < left + view.width * scale; number += 1) {
    const tile = tiles.get(number) || painted(number, Math.ceil(height * scale), scale, paint);
    tiles.delete(number);
    tiles.set(number, tile);
    g.drawImage(tile, number * WIDTH - left, -top);
  }
  g.restore();
  while (tiles.size > MOST) tiles.delete(tiles.keys().next().value);
}

function painted(number, height, scale, paint) {
  const tile = new OffscreenCanvas(WIDTH, Math.max(height, 1));
  const g = tile.getContext("2d");
  g.setTransform(scale, 0, 0, scale, -number * WIDTH, 0);
  paint(g, (number * WIDTH) / scale, ((number + 1) * WIDTH) / scale);
  return tile.transferToImageBitmap();
}
