/**
 * The fold: state before + one event = state after. Pure; the twin of `workflows/fold.py`
 * (`tests/fold_cases.json` is replayed by both).
 */

/** @typedef {import("./protocol.js").WireEvent} WireEvent @typedef {import("./protocol.js").State} State */
/** @typedef {{kind: string, keys: Set<string>, steps: Set<string>, workflow: boolean, events: WireEvent[]}} Change */

const OPEN_STEPS = new Set(["running", "retrying"]);

/** @typedef {(state: State, event: WireEvent, change: Change) => void} Effect */

/** What a workflow that goes on after its end has no more. */
const ENDED = /** @type {const} */ (["error", "started_at", "finished_at", "deadline_at", "waiting", "wake_at"]);
/** What a fork does not take over from the workflow that it was made of. */
const AFRESH = /** @type {const} */ (
  ["started_at", "finished_at", "worker", "waiting", "error", "wake_at", "deadline_at", "version"]
);

/** kind -> effect on a state that belongs to the caller. @type {Record<string, Effect>} */
const EFFECTS = {
  created(state, [, at, , , , data]) {
    const { definition, queue, wake_at = null, deadline_at = null } = data;
    const status = wake_at ? "delayed" : "queued";
    Object.assign(state.workflow, { definition, queue, status, created_at: at, wake_at, deadline_at });
  },
  debounced({ workflow }, [, , , , , { wake_at }]) {
    workflow.wake_at = wake_at;
  },
  due: queuedAgain,
  woken: queuedAgain,
  claimed({ workflow }, [, at, , , , { worker, version = null, deadline_at = null }]) {
    Object.assign(workflow, { status: "running", worker, waiting: null, deadline_at });
    workflow.started_at ??= at;
    workflow.version ??= version;
  },
  suspended({ workflow }, [, , , , , { waiting, wake_at }]) {
    Object.assign(workflow, { status: "waiting", worker: null, waiting, wake_at });
  },
  released(state, [, , , , , data], change) {
    Object.assign(state.workflow, { status: "queued", worker: null, waiting: null });
    if (!["shutdown", "answer_lost"].includes(data.reason)) state.workflow.takeovers += 1;
    for (const [position, step] of Object.entries(state.steps)) {
      if (step.status !== "running") continue;
      Object.assign(step, { status: "retrying", next_attempt_at: data.available_at });
      change.steps.add(position);
    }
  },
  step_started(state, [, at, , position, , data]) {
    const { name, attempt, worker } = data;
    const first = { position: Number(position), started_at: at, finished_at: null, error: null };
    const now = { name, status: "running", attempt, worker, attempt_started_at: at, next_attempt_at: null };
    state.steps[String(position)] = { ...first, ...state.steps[String(position)], ...now };
  },
  step_retrying(state, [, , , position, , { error, next_attempt_at }]) {
    Object.assign(state.steps[String(position)], { status: "retrying", error, next_attempt_at });
  },
  step_succeeded: stepFinished,
  step_failed: stepFinished,
  value_set(state, [seq, at, , , key, data], change) {
    const sets = (state.values[String(key)]?.sets ?? 0) + 1;
    state.values[String(key)] = { value: data.value, seq, at, sets, ...(data.hidden ? { hidden: true } : {}) };
    change.keys.add(String(key));
  },
  wait_started(state, [, at, , , , data]) {
    state.workflow.waiting = /** @type {import("./protocol.js").Waiting} */ ({ ...data, since: at });
  },
  message_received: waitEnded,
  event_read: waitEnded,
  slept: waitEnded,
  result_read: waitEnded,
  results_gathered: waitEnded,
  completion_read: waitEnded,
  patched: waitEnded,
  resumed(state, [, at, , , , { reopened }], change) {
    state.workflow.status = "queued";
    for (const name of ENDED) state.workflow[name] = null;
    for (const position of reopened) {
      Object.assign(state.steps[position], { status: "retrying", finished_at: null, next_attempt_at: at });
      change.steps.add(String(position));
    }
  },
  forked({ workflow }, [, at]) {
    Object.assign(workflow, { status: "queued", created_at: at, takeovers: 0 });
    for (const name of AFRESH) workflow[name] = null;
  },
  succeeded: ended("succeeded"),
  failed: ended("failed"),
  cancelled: ended("cancelled"),
  quarantined: ended("quarantined"),
};
const STEP_KINDS = new Set(["step_started", "step_retrying", "step_succeeded", "step_failed"]);
const WORKFLOW_KINDS = new Set(
  Object.keys(EFFECTS).filter((kind) => kind !== "value_set" && !STEP_KINDS.has(kind)),
);

/** @type {Effect} */
function stepFinished(state, [, at, , position, , { error = null }]) {
  const status = error ? "failed" : "succeeded";
  Object.assign(state.steps[String(position)], { status, error, finished_at: at, next_attempt_at: null });
}

/** @type {Effect} */
function queuedAgain({ workflow }) {
  Object.assign(workflow, { status: "queued", waiting: null, wake_at: null });
}

/** @type {Effect} */
function waitEnded(state) {
  state.workflow.waiting = null;
}

/** @param {string} status @returns {Effect} */
function ended(status) {
  return (state, [, at, , , , { error = null }], change) => {
    Object.assign(state.workflow, { status, finished_at: at, worker: null, waiting: null, wake_at: null, error });
    if (status === "quarantined") state.workflow.takeovers += 1;
    for (const [position, step] of Object.entries(state.steps)) {
      if (!OPEN_STEPS.has(step.status)) continue;
      Object.assign(step, { status: "cancelled", finished_at: at, next_attempt_at: null });
      change.steps.add(position);
    }
  };
}

/** The state after one event, in place. @param {State} state @param {WireEvent} event @param {Change} change */
export function foldInto(state, event, change) {
  const [seq, at, kind, position, key, data] = event;
  if (seq !== state.seq + 1) throw new RangeError(`event ${seq} cannot follow state ${state.seq}`);
  state.seq = seq;
  EFFECTS[kind]?.(state, event, change);
  state.workflow.last_event = { seq, kind, key, position, name: data.name ?? null, at };
  if (STEP_KINDS.has(kind)) change.steps.add(String(position));
  if (WORKFLOW_KINDS.has(kind)) change.workflow = true;
  change.events.push(event);
}

/**
 * The state after the events, as a new object. Throws a RangeError where one is missing or repeated.
 * @param {State} state @param {WireEvent[]} events @returns {State}
 */
export function fold(state, events) {
  const next = owned(structuredClone(state));
  const change = nothing("events");
  for (const event of structuredClone(events)) foldInto(next, event, change);
  return next;
}

/** Without a prototype, a key named `__proto__` or `constructor` is a key like any other. @param {State} state */
export function owned(state) {
  state.values = Object.assign(Object.create(null), state.values);
  state.steps = Object.assign(Object.create(null), state.steps);
  return state;
}

/** A change that changed nothing yet. @param {string} kind @returns {Change} */
export function nothing(kind) {
  return { kind, keys: new Set(), steps: new Set(), workflow: false, events: [] };
}
