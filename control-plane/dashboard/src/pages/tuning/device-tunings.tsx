import type { DeviceDetail, ModelVersionView, TuningView } from "@sartor/shared/protocol";
import { Allowed, useConnection, useLiveList } from "../../api/index.js";
import { EmptyState, ErrorNote, Loading, Panel } from "../../components/index.js";
import { TuningForm } from "./tuning-form.js";
import { TuningItem } from "./tuning-item.js";

/** Properties of {@link DeviceTunings}. */
export interface DeviceTuningsProps {
  readonly device: DeviceDetail;
  /** The version that the plan above is for. */
  readonly chosen: ModelVersionView | undefined;
}

const ENDED: readonly string[] = ["succeeded", "failed", "canceled"];
/** Tunings that are shown whole. */
const SHOWN = 5;

/** What the device measured itself, live, and the button that has it measure. */
export function DeviceTunings({ device, chosen }: DeviceTuningsProps) {
  const { client } = useConnection();
  const { deviceId } = device;
  const tunings = useLiveList<TuningView>(`tunings ${deviceId}`, {
    keyOf: (tuning) => tuning.tuningId,
    isEnded: (tuning) => ENDED.includes(tuning.status),
    load: (signal) => client.tailoring.tunings(deviceId, signal),
    pick: (event) => (event.type === "tuning" && event.tuning.deviceId === deviceId ? event.tuning : undefined),
  });
  const rows = [...(tunings.items ?? [])].sort((left, right) => right.createdAt - left.createdAt);
  const running = rows.some(({ status }) => !ENDED.includes(status));
  return (
    <Panel title="Measured on this device">
      {tunings.error === null ? null : <ErrorNote error={tunings.error} title="The measurements cannot be read" />}
      {tunings.items === null && tunings.error === null ? <Loading what="measurements" rows={2} /> : null}
      {tunings.items !== null && rows.length === 0 ? (
        <EmptyState title="This device has not measured anything yet">
          <p>
            A plan is a good guess. Measuring runs its candidates on the device, beside what it serves, and finds out
            which is really fastest.
          </p>
        </EmptyState>
      ) : null}
      <ol class="tunings" aria-label="Tunings, newest first">
        {rows.slice(0, SHOWN).map((tuning) => (
          <TuningItem key={tuning.tuningId} tuning={tuning} onChanged={tunings.put} />
        ))}
      </ol>
      {running ? null : (
        <Allowed to="operator">
          <TuningForm device={device} chosen={chosen} onStarted={tunings.put} />
        </Allowed>
      )}
    </Panel>
  );
}
