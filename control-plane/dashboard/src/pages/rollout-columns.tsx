import type { DeviceDeploymentView } from "@sartor/shared/protocol";
import { actionOf } from "../api/index.js";
import { Ago, ByteBar, type Column, EmulatedMark, StatusBadge, Until } from "../components/index.js";
import { UNKNOWN, words } from "../format/index.js";
import { devicePath, Link } from "../router/index.js";
import { heldWords } from "./rollout-errors.js";
import { placeWords } from "./tailoring/index.js";

const ENDED: readonly string[] = ["succeeded", "failed", "timed_out", "rejected", "canceled"];

/** Columns of a rollout's table of devices. `variantOf` names the variant of a bundle, for a rollout that names one for all. */
export function rolloutColumns(
  variantOf: (bundleId: string) => string | undefined,
): readonly Column<DeviceDeploymentView>[] {
  return [...DEVICE_COLUMNS, variantColumn(variantOf), ...PROGRESS_COLUMNS];
}

const DEVICE_COLUMNS: readonly Column<DeviceDeploymentView>[] = [
  {
    id: "device",
    header: "Device",
    width: 24,
    priority: 1,
    sortValue: (deployment) => deployment.deviceName,
    render: (deployment) => (
      <span class="two-lines">
        <span class="row-title">
          <Link to={devicePath(deployment.deviceId)} title={deployment.deviceName}>
            {deployment.deviceName}
          </Link>
        </span>
        <span class="second" title={deployment.deviceId}>
          {deployment.emulated ? <EmulatedMark /> : null} {deployment.deviceId}
        </span>
      </span>
    ),
  },
  {
    id: "status",
    header: "Status",
    width: 15,
    priority: 1,
    sortValue: (deployment) => `${deployment.status} ${deployment.step}`,
    render: (deployment) => (
      <span class="two-lines">
        <StatusBadge status={deployment.status} />
        <span class="second">{words(deployment.step)}</span>
      </span>
    ),
  },
];

function variantColumn(variantOf: (bundleId: string) => string | undefined): Column<DeviceDeploymentView> {
  const nameOf = ({ tailoring, bundleId }: DeviceDeploymentView) =>
    tailoring?.variant ?? (bundleId === null ? undefined : variantOf(bundleId));
  return {
    id: "variant",
    header: "Variant",
    hint: "What the device gets, and where it runs",
    width: 20,
    priority: 2,
    sortValue: (deployment) => nameOf(deployment) ?? null,
    render: (deployment) => {
      const { tailoring, bundleId } = deployment;
      if (bundleId === null) return <span class="muted">nothing fits</span>;
      return (
        <span class="two-lines" title={tailoring?.reasons.join("\n")}>
          <span class="cut">{nameOf(deployment) ?? UNKNOWN}</span>
          <span class="second">{tailoring === null ? "the same for all" : placeWords(tailoring)}</span>
        </span>
      );
    },
  };
}

const PROGRESS_COLUMNS: readonly Column<DeviceDeploymentView>[] = [
  {
    id: "progress",
    header: "Progress",
    hint: "Bytes that are verified on the device",
    width: 18,
    priority: 2,
    sortValue: ({ progress }) => (progress === null ? null : progress.doneBytes / Math.max(1, progress.totalBytes)),
    render: ({ progress }) =>
      progress === null ? <span class="unknown">{UNKNOWN}</span> : <ByteBar progress={progress} />,
  },
  {
    id: "error",
    header: "Problem",
    hint: "Why a device failed, or cannot be told yet",
    width: 30,
    priority: 1,
    sortValue: ({ error, held }) => error?.code ?? held?.code ?? null,
    render: (deployment) => <Problem deployment={deployment} />,
  },
  {
    id: "updated",
    header: "Changed",
    numeric: true,
    width: 12,
    priority: 2,
    sortValue: (deployment) => deployment.updatedAt,
    render: (deployment) => <Ago at={deployment.updatedAt} />,
  },
  {
    id: "deadline",
    header: "Deadline",
    hint: "A device that has not finished by then counts as timed out",
    numeric: true,
    width: 12,
    priority: 3,
    sortValue: (deployment) => deployment.deadlineAt,
    render: (deployment) =>
      ENDED.includes(deployment.status) ? <span class="unknown">{UNKNOWN}</span> : <Until at={deployment.deadlineAt} />,
  },
];

function Problem({ deployment }: { readonly deployment: DeviceDeploymentView }) {
  const { error, held } = deployment;
  const shown = error ?? held;
  if (shown === null) return <span class="unknown">{UNKNOWN}</span>;
  const title = [shown.message, actionOf(shown.code)].filter(Boolean).join("\n");
  return error === null ? (
    <span class="row-error row-held" title={title}>
      {heldWords(shown)}
    </span>
  ) : (
    <span class="row-error" title={title}>
      <code class="code">{error.code}</code> {error.message}
    </span>
  );
}
