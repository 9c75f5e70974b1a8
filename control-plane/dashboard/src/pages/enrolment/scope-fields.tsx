import { Allowed, useWho } from "../../api/index.js";
import { Check, Select, TextField } from "../../components/index.js";
import { GroupField } from "../groups/index.js";
import { COMMON_HARDWARE, type EnrolmentChoices } from "./enrolment-request.js";

/** Properties of the {@link ScopeFields}. */
export interface ScopeFieldsProps {
  readonly choices: EnrolmentChoices;
  readonly change: (changes: Partial<EnrolmentChoices>) => void;
  readonly lifetimes: readonly (readonly [seconds: string, text: string])[];
  /** What is used within the lifetime. */
  readonly what: string;
  /** Leave out what limits the kind of hardware: the device is known. */
  readonly anyHardware?: boolean;
}

/** What an enrolment is allowed for. */
export function ScopeFields({ choices, change, lifetimes, what, anyHardware }: ScopeFieldsProps) {
  const tick = (hardware: string, on: boolean) => {
    const next = new Set(choices.hardware);
    on ? next.add(hardware) : next.delete(hardware);
    change({ hardware: next });
  };
  const own = useWho()?.groups ?? null;
  const only = own?.length === 1 ? own[0] : undefined;
  return (
    <>
      <div class="form-grid">
        <Select
          label="Lifetime"
          hint={`For how long ${what} can be used.`}
          value={choices.lifetimeSeconds}
          options={lifetimes}
          onChange={(lifetimeSeconds) => change({ lifetimeSeconds })}
        />
        <TextField
          label="Note"
          hint="What it is for; kept with it."
          value={choices.note}
          maximumLength={256}
          onChange={(note) => change({ note })}
        />
        {choices.replaces.trim() === "" ? (
          <GroupField
            label="Group"
            hint={
              own === null
                ? "Where the device belongs; a group exists by being named."
                : `One of those that you are for: ${own.join(", ")}.`
            }
            value={choices.group}
            placeholder={only ?? "default"}
            required={own !== null && only === undefined}
            onChange={(group) => change({ group })}
          />
        ) : null}
        <Allowed to="admin">
          <TextField
            label="Replaces device"
            hint="Id of a device that gets a new board or key: it keeps name and history, its old certificates end."
            value={choices.replaces}
            maximumLength={63}
            placeholder="a new device"
            onChange={(replaces) => change({ replaces })}
          />
        </Allowed>
      </div>
      {anyHardware ? null : (
        <fieldset class="choices">
          <legend>Kinds of hardware</legend>
          <div class="check-grid">
            {COMMON_HARDWARE.map((hardware) => (
              <Check
                key={hardware}
                label={hardware}
                checked={choices.hardware.has(hardware)}
                onChange={(on) => tick(hardware, on)}
              />
            ))}
          </div>
          <TextField
            label="Other kinds"
            hint="Your own products' ids, separated by commas. Without any tick or id: every device."
            value={choices.otherHardware}
            maximumLength={512}
            onChange={(otherHardware) => change({ otherHardware })}
          />
        </fieldset>
      )}
      <Check
        label="The site is offline for long"
        hint="The device's certificates live longer (180 days unless it is set otherwise)."
        checked={choices.offlineSite}
        onChange={(offlineSite) => change({ offlineSite })}
      />
    </>
  );
}
