/** A wall of several widgets: the tokens after the # of its address, which no server and no log ever sees. */

const wall = document.querySelector(".wall__tiles");

function hang() {
  const tokens = location.hash.slice(1).split(",").filter((token) => /^tw_[\w-]+$/.test(token));
  const [, ...others] = wall?.querySelectorAll("telltale-status") ?? [];
  for (const other of others) other.remove();
  for (const token of tokens.slice(0, 48)) {
    const tile = document.createElement("telltale-status");
    tile.setAttribute("token", token);
    wall?.append(tile);
  }
}

addEventListener("hashchange", hang);
hang();
