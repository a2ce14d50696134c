/** What a browser lets a page say outside its tab, in words. Pure. */

/** @typedef {"granted"|"denied"|"default"|"insecure"|"missing"} Permission */

const WHOLE = {
  granted: "This browser says it when one of them ends or waits for a message, while a page of the console is open.",
  denied: "Notifications are blocked for this site in the settings of this browser. Titles and icons of the tabs still tell.",
  default: "This browser may also say it outside the tab, once you allow it.",
  insecure: "Browsers show notifications of sites with HTTPS only. Titles and icons of the tabs still tell.",
  missing: "This browser shows no notifications of pages. Titles and icons of the tabs still tell.",
};
const BRIEF = { granted: "", denied: "notifications blocked", default: "", insecure: "", missing: "" };

/** @param {Permission} permission @returns {{brief: string, whole: string, ask: boolean}} */
export function notes(permission) {
  return { brief: BRIEF[permission], whole: WHOLE[permission], ask: permission === "default" };
}

/** @param {{isSecureContext?: boolean, Notification?: {permission: string}}} browser @returns {Permission} */
export function permissionOf({ isSecureContext, Notification }) {
  if (Notification) return /** @type {Permission} */ (Notification.permission);
  return isSecureContext === false ? "insecure" : "missing";
}
