import type { DeviceDeploymentView } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import { actionOf } from "../api/index.js";
import { plural } from "../format/index.js";
import { devicePath, Link } from "../router/index.js";
import { groupErrors } from "./rollout-errors.js";

/** Reasons, and devices of one reason, that are named. */
const MOST_REASONS = 6;
const MOST_DEVICES = 5;

/** Why devices did not succeed: whole sentences, which the table has no room for. */
export function RolloutProblems({ deployments }: { readonly deployments: readonly DeviceDeploymentView[] }) {
  const groups = useMemo(() => groupErrors(deployments), [deployments]);
  if (groups.length === 0) return null;
  const count = groups.reduce((sum, { devices }) => sum + devices.length, 0);
  return (
    <details class="fold problems">
      <summary>Why {plural(count, "device", "devices")} did not succeed</summary>
      <ul class="sentences">
        {groups.slice(0, MOST_REASONS).map(({ code, message, devices }) => (
          <li key={`${code} ${message}`}>
            {devices.slice(0, MOST_DEVICES).map(({ deviceId, deviceName }, index) => (
              <span key={deviceId}>
                {index === 0 ? "" : ", "}
                <Link to={devicePath(deviceId)}>{deviceName}</Link>
              </span>
            ))}
            {devices.length > MOST_DEVICES ? ` and ${devices.length - MOST_DEVICES} more` : ""}:{" "}
            <code class="code">{code}</code> {message} <span class="muted">{actionOf(code)}</span>
          </li>
        ))}
      </ul>
      {groups.length > MOST_REASONS ? <p class="muted small">Further reasons stand in the table.</p> : null}
    </details>
  );
}
