/** What this browser keeps for the server to obey from the next page on. */

const YEAR_SECONDS = 31_536_000;

/** @param {string} name @param {string} value  made of letters, digits and `:/_+-` */
export function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
}

/** @param {string} name */
export function kept(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? "";
}
