/** The state that a page carries: of thousands of steps it says the names of their fields once. Pure. */

/**
 * @typedef {import("./protocol.js").State} State @typedef {import("./protocol.js").Step} Step
 * @typedef {Omit<State, "steps"> & {steps: {fields: string[], rows: unknown[][]}}} PageState
 */

/** As a snapshot has it. @param {PageState} carried @returns {State} */
export function unpacked({ steps: { fields, rows }, ...state }) {
  const steps = rows.map((row) => /** @type {Step} */ (Object.fromEntries(fields.map((field, place) => [field, row[place]]))));
  return { ...state, steps: Object.fromEntries(steps.map((step) => [step.position, step])) };
}
