/** The only calls of customElements.define: names of elements, in one list. */

import { ChartSeries } from "./chart_series.js";
import { ConnectionStatus } from "./connection_status.js";
import { CopyButton } from "./copy_button.js";
import { ElapsedTime } from "./elapsed_time.js";
import { JsonViewer } from "./json_viewer.js";
import { LiveFragment } from "./live_fragment.js";
import { LiveReceipt } from "./live_receipt.js";
import { StatusBadge } from "./status_badge.js";
import { StatusCounts } from "./status_counts.js";
import { TimeAgo } from "./time_ago.js";
import { TimeLeft } from "./time_left.js";
import { TimeScrubber } from "./time_scrubber.js";
import { TimeUntil } from "./time_until.js";
import { WatchButton } from "./watch_button.js";
import { WatchList } from "./watch_list.js";
import { WhileAway } from "./while_away.js";
import { WorkflowError } from "./workflow_error.js";
import { WorkflowHeader } from "./workflow_header.js";
import { WorkflowHistory } from "./workflow_history.js";
import { WorkflowList } from "./workflow_list.js";
import { WorkflowOutlook } from "./workflow_outlook.js";
import { WorkflowOutput } from "./workflow_output.js";
import { WorkflowPeek } from "./workflow_peek.js";
import { WorkflowSelection } from "./workflow_selection.js";
import { WorkflowTimeline } from "./workflow_timeline.js";
import { WorkflowValues } from "./workflow_values.js";

/** @type {Record<string, CustomElementConstructor>} */
const ELEMENTS = {
  "chart-series": ChartSeries,
  "connection-status": ConnectionStatus,
  "copy-button": CopyButton,
  "elapsed-time": ElapsedTime,
  "json-viewer": JsonViewer,
  "live-fragment": LiveFragment,
  "live-receipt": LiveReceipt,
  "status-badge": StatusBadge,
  "status-counts": StatusCounts,
  "time-ago": TimeAgo,
  "time-left": TimeLeft,
  "time-scrubber": TimeScrubber,
  "time-until": TimeUntil,
  "watch-button": WatchButton,
  "watch-list": WatchList,
  "while-away": WhileAway,
  "workflow-error": WorkflowError,
  "workflow-header": WorkflowHeader,
  "workflow-history": WorkflowHistory,
  "workflow-list": WorkflowList,
  "workflow-outlook": WorkflowOutlook,
  "workflow-output": WorkflowOutput,
  "workflow-peek": WorkflowPeek,
  "workflow-selection": WorkflowSelection,
  "workflow-timeline": WorkflowTimeline,
  "workflow-values": WorkflowValues,
};

/** The elements that follow the page's store. */
export const FOLLOWERS = Object.keys(ELEMENTS).filter((name) => "follow" in ELEMENTS[name].prototype).join(", ");

/** Make the elements of the page come alive. */
export function defineElements() {
  for (const [name, element] of Object.entries(ELEMENTS)) customElements.define(name, element);
}
