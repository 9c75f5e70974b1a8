import type { DeviceDetail } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection } from "../../api/index.js";
import { FormDialog } from "../../components/index.js";
import { Link } from "../../router/index.js";
import { GroupField } from "./group-field.js";
import { GROUP_HINT } from "./group-words.js";

/** Properties of a {@link DeviceGroup}. */
export interface DeviceGroupProps {
  readonly device: DeviceDetail;
  /** Told when the device is in another group. */
  readonly onMoved: () => void;
}

/** Where a device belongs, and its way into another group. */
export function DeviceGroup({ device, onMoved }: DeviceGroupProps) {
  const [moving, setMoving] = useState(false);
  return (
    <span class="device-group muted">
      group <Link to={`/?group=${device.group}`}>{device.group}</Link>{" "}
      <Allowed to="operator">
        <button type="button" class="small-button" aria-label={`Move ${device.name}`} onClick={() => setMoving(true)}>
          Move…
        </button>
      </Allowed>
      {moving ? (
        <MoveDialog
          device={device}
          onMoved={() => {
            setMoving(false);
            onMoved();
          }}
          onClose={() => setMoving(false)}
        />
      ) : null}
    </span>
  );
}

interface MoveDialogProps extends DeviceGroupProps {
  readonly onClose: () => void;
}

function MoveDialog({ device: { deviceId, name, group }, onMoved, onClose }: MoveDialogProps) {
  const { client } = useConnection();
  const [wanted, setWanted] = useState(group);
  const move = useAction(
    (to: string, signal) => client.changeDevice(deviceId, { group: to }, signal),
    () => onMoved(),
  );
  return (
    <FormDialog
      title={`Move ${name} into another group`}
      submit="Move"
      busy={move.busy}
      error={move.error}
      failed="The device was not moved"
      onSubmit={() => move.run(wanted.trim())}
      onClose={onClose}
    >
      <GroupField label="Group" hint={GROUP_HINT} value={wanted} required onChange={setWanted} />
      <p>What it runs stays, and what was ordered goes on. Who is for {group} only does not see it any more.</p>
    </FormDialog>
  );
}
