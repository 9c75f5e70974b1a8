import type { DeviceDeploymentView, RolloutDetail } from "@sartor/shared/protocol";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Allowed, errorOfFailure, type ShownError, useConnection, useLiveEvents, useResource } from "../api/index.js";
import {
  Ago,
  ConfirmDialog,
  EmptyState,
  ErrorNote,
  Loading,
  StackedBar,
  StatusBadge,
  useNow,
  VirtualTable,
} from "../components/index.js";
import { formatLongDuration, plural, words } from "../format/index.js";
import { devicePath, Link, navigate } from "../router/index.js";
import { keepSorting, sortingOf } from "./query-sorting.js";
import { rolloutColumns } from "./rollout-columns.js";
import { RolloutHeld, RolloutProblems } from "./rollout-problems.js";
import { mergeRollout, type RolloutChanges, statusParts, tallyStatuses } from "./rollout-status.js";
import { TuningMark } from "./tuning-mark.js";
import { useTitle } from "./use-title.js";

const keyOf = (deployment: DeviceDeploymentView) => deployment.deploymentId;
const open = (deployment: DeviceDeploymentView) => navigate(devicePath(deployment.deviceId));
/** Live changes within this time are drawn together, ms. */
const BATCH_MS = 200;
/** Progress of one rollout, live. */
export function RolloutPage({ rolloutId, query }: { readonly rolloutId: string; readonly query: URLSearchParams }) {
  const { client } = useConnection();
  const { changes, newest } = useRolloutChanges(rolloutId);
  const read = useResource(`rollout ${rolloutId}`, async (signal) => {
    const before = newest();
    return { rollout: await client.rollout(rolloutId, signal), before };
  });
  const rollout = useMemo(
    () => (read.value === null ? null : mergeRollout(read.value.rollout, changes, read.value.before)),
    [read.value, changes],
  );
  useTitle(rollout?.name ?? "Rollout");

  return (
    <div class="page page-table">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/rollouts">Rollouts</Link> <span aria-hidden="true">/</span> {rollout?.name ?? rolloutId}
      </nav>
      {read.error === null ? null : <ErrorNote error={read.error} title="This rollout cannot be read" />}
      {rollout === null && read.error === null ? <Loading what="the rollout" rows={8} /> : null}
      {rollout === null ? null : <RolloutBody rollout={rollout} query={query} onCanceled={read.reload} />}
    </div>
  );
}

interface RolloutBodyProps {
  readonly rollout: RolloutDetail;
  readonly query: URLSearchParams;
  readonly onCanceled: () => void;
}

function RolloutBody({ rollout, query, onCanceled }: RolloutBodyProps) {
  const columns = useRolloutColumns(rollout);
  const parts = statusParts(tallyStatuses(rollout.deployments));
  const summary = parts.map((part) => `${part.count} ${part.name}`).join(", ");
  return (
    <>
      <div class="page-head">
        <h1>{rollout.name}</h1>
        <StatusBadge status={rollout.status} />
        {rollout.origin === "tuning" ? <TuningMark /> : null}
        <span class="muted">
          {rollout.model} {rollout.version} · started <Ago at={rollout.createdAt} /> · <Elapsed rollout={rollout} />
        </span>
        {rollout.status === "running" ? (
          <Allowed to="operator">
            <CancelButton rollout={rollout} onCanceled={onCanceled} />
          </Allowed>
        ) : null}
      </div>
      <p class="visually-hidden" role="status">
        Rollout {words(rollout.status)}: {summary}
      </p>
      <StackedBar label="Devices by status" parts={parts} />
      <RolloutHeld deployments={rollout.deployments} />
      <RolloutProblems deployments={rollout.deployments} />
      {rollout.deployments.length === 0 ? <EmptyState title="This rollout has no devices" /> : null}
      {rollout.deployments.length > 0 ? (
        <VirtualTable
          label="Devices of this rollout"
          columns={columns}
          rows={rollout.deployments}
          keyOf={keyOf}
          sorting={sortingOf(query, { column: "device", descending: false })}
          onSort={keepSorting}
          onOpen={open}
          rowHeight={50}
        />
      ) : null}
    </>
  );
}

/** The table's columns; the version's variants give bundles their names. */
function useRolloutColumns({ model, version }: RolloutDetail) {
  const { client } = useConnection();
  const variants = useResource(`version ${model} ${version}`, (signal) => client.modelVersion(model, version, signal))
    .value?.variants;
  return useMemo(() => {
    const names = new Map(variants?.map(({ bundleId, name }) => [bundleId, name]));
    return rolloutColumns((bundleId) => names.get(bundleId));
  }, [variants]);
}

function Elapsed({ rollout }: { readonly rollout: RolloutDetail }) {
  const now = useNow();
  const ended = rollout.finishedAt !== null;
  return (
    <>{`${ended ? "took" : "running for"} ${formatLongDuration((rollout.finishedAt ?? now) - rollout.createdAt)}`}</>
  );
}

function CancelButton({ rollout, onCanceled }: { readonly rollout: RolloutDetail; readonly onCanceled: () => void }) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<ShownError | null>(null);
  const open = rollout.deployments.filter(({ status }) => status === "queued" || status === "in_progress").length;
  const cancel = () => {
    client.cancelRollout(rollout.rolloutId, new AbortController().signal).then(
      () => {
        setError(null);
        onCanceled();
      },
      (failure: unknown) => setError(errorOfFailure(failure)),
    );
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => setAsking(true)}>
        Cancel rollout
      </button>
      {error === null ? null : <ErrorNote error={error} title="The rollout could not be canceled" />}
      {asking ? (
        <ConfirmDialog
          title={`Cancel ${rollout.name}?`}
          confirm="Cancel rollout"
          keep="Keep it running"
          onConfirm={cancel}
          onClose={() => setAsking(false)}
        >
          <p>
            {plural(open, "device that has not finished stops", "devices that have not finished stop")} and keep what
            they serve now. Devices that have finished keep {rollout.model} {rollout.version}.
          </p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}

/** Collects live changes and hands them on in batches: a rollout to ten thousand devices changes often. */
function useRolloutChanges(rolloutId: string): {
  readonly changes: RolloutChanges;
  /** What came so far, drawn or not. */
  readonly newest: () => RolloutChanges["deployments"];
} {
  const [changes, setChanges] = useState<RolloutChanges>({ summary: null, deployments: new Map() });
  const pending = useRef<RolloutChanges>({ summary: null, deployments: new Map() });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLiveEvents((event) => {
    const { summary, deployments } = pending.current;
    if (event.type === "rollout" && event.rollout.rolloutId === rolloutId) {
      pending.current = { summary: event.rollout, deployments };
    } else if (event.type === "deployment" && event.deployment.rolloutId === rolloutId) {
      pending.current = {
        summary,
        deployments: new Map(deployments).set(event.deployment.deploymentId, event.deployment),
      };
    } else return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setChanges(pending.current);
    }, BATCH_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return { changes, newest: () => pending.current.deployments };
}
