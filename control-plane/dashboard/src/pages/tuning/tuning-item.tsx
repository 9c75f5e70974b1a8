import type { TuningView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection } from "../../api/index.js";
import { Ago, ConfirmDialog, ErrorNote, JobBar, StatusBadge } from "../../components/index.js";
import { formatCount, formatLongDuration, formatShare, words } from "../../format/index.js";
import { Link, rolloutPath } from "../../router/index.js";
import { TuningResults } from "./tuning-results.js";
import { verdictWords } from "./verdict-words.js";

/** Properties of a {@link TuningItem}. */
export interface TuningItemProps {
  readonly tuning: TuningView;
  readonly onChanged: (tuning: TuningView) => void;
}

/** One tuning: how far it is, or what it found. */
export function TuningItem({ tuning, onChanged }: TuningItemProps) {
  const { report } = tuning;
  const open = tuning.status === "queued" || tuning.status === "in_progress";
  return (
    <li class="tuning">
      <p class="build-head">
        <StatusBadge status={tuning.status} />
        <span class="muted">
          {tuning.model} {tuning.version} · <Ago at={tuning.createdAt} /> · {tuning.reason}
        </span>
        {open ? (
          <Allowed to="operator">
            <CancelTuning tuning={tuning} onChanged={onChanged} />
          </Allowed>
        ) : null}
      </p>
      {open ? (
        <JobBar
          label="Progress of the measurement"
          percent={100 * tuning.progress}
          step={
            tuning.status === "queued"
              ? "waits for the device"
              : `${formatCount(tuning.candidates.length)} candidates, at most ${formatLongDuration(1000 * tuning.budget.seconds)} of measuring`
          }
        />
      ) : null}
      {report?.verdict ? (
        <p class={`verdict verdict-${report.verdict.decision}`}>{verdictWords(report.verdict)}</p>
      ) : null}
      {report?.verdict ? <p class="muted small">{report.verdict.reason}</p> : null}
      {report?.error ? <ErrorNote error={report.error} title="The measurement failed" /> : null}
      {tuning.rolloutId === null ? null : (
        <p>
          It led to a <Link to={rolloutPath(tuning.rolloutId)}>rollout to this device</Link>.
        </p>
      )}
      {report === null || report.results.length === 0 ? null : (
        <>
          <TuningResults report={report} />
          <p class="muted small">
            {formatCount(report.totalRuns)} runs in {formatLongDuration(report.durationMs)},{" "}
            {formatShare(report.cpuShare)} of the CPU · {words(report.trigger)} · agent{" "}
            {report.environment.agentVersion}, ONNX Runtime {report.environment.onnxRuntimeVersion}
          </p>
        </>
      )}
    </li>
  );
}

function CancelTuning({ tuning, onChanged }: TuningItemProps) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const cancel = useAction((_: null, signal) => client.tailoring.cancelTuning(tuning.tuningId, signal), onChanged);
  return (
    <>
      <button
        type="button"
        class="danger small-button head-action"
        disabled={cancel.busy}
        onClick={() => setAsking(true)}
      >
        Stop measuring
      </button>
      {cancel.error === null ? null : <ErrorNote error={cancel.error} title="It could not be stopped" />}
      {asking ? (
        <ConfirmDialog
          title="Stop measuring?"
          confirm="Stop measuring"
          keep="Let it go on"
          onConfirm={() => cancel.run(null)}
          onClose={() => setAsking(false)}
        >
          <p>The device goes on serving what it serves; nothing is decided.</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
