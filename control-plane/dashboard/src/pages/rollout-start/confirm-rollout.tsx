import { ConfirmDialog } from "../../components/index.js";
import { plural } from "../../format/index.js";
import type { Expected } from "./expected-variants.js";

/** Properties of {@link ConfirmRollout}. */
export interface ConfirmRolloutProps {
  readonly title: string;
  readonly devices: number;
  /** A variant for all; empty for each device's own plan. */
  readonly variant: string;
  readonly expected: Expected;
  /** Kinds of hardware that were planned for, of all. */
  readonly planned: { readonly done: number; readonly of: number };
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Says how many devices would get which variant, and asks. */
export function ConfirmRollout(properties: ConfirmRolloutProps) {
  const { title, devices, variant, expected, planned, onConfirm, onClose } = properties;
  return (
    <ConfirmDialog title={title} confirm="Start rollout" keep="Not now" begins onConfirm={onConfirm} onClose={onClose}>
      {variant === "" ? (
        <>
          <p>
            {plural(devices, "device gets", "devices, each gets")} what its own plan says
            {planned.done < planned.of ? ` (looked at ${planned.done} of ${planned.of} kinds of hardware)` : ""}:
          </p>
          <ul class="sentences" aria-label="What devices would get">
            {expected.variants.map(({ name, devices: count }) => (
              <li key={name}>
                <b>{name}</b> for {plural(count, "device", "devices")}
              </li>
            ))}
            {expected.unfit === 0 ? null : (
              <li class="warn-text">
                nothing for {plural(expected.unfit, "device", "devices")}: no variant fits the limits
              </li>
            )}
            {expected.unknown === 0 ? null : (
              <li class="muted">
                {plural(expected.unknown, "device is", "devices are")} planned when the rollout begins
              </li>
            )}
          </ul>
          <p class="muted small">Devices with the same board were taken for alike here; the rollout plans for each.</p>
        </>
      ) : (
        <p>
          {plural(devices, "device gets", "devices get")} <b>{variant}</b>, whatever its own plan says.
        </p>
      )}
    </ConfirmDialog>
  );
}
