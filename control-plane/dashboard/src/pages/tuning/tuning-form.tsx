import type { DeviceDetail, ModelVersionView, TuningRequest, TuningView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { Check, ErrorNote, NumberField } from "../../components/index.js";
import { FIRST_TUNING, type TuningChoices, toTuningRequest } from "./tuning-request.js";

/** Properties of a {@link TuningForm}. */
export interface TuningFormProps {
  readonly device: DeviceDetail;
  readonly chosen: ModelVersionView | undefined;
  readonly onStarted: (tuning: TuningView) => void;
}

/** Has the device measure the candidates of its plan. */
export function TuningForm({ device, chosen, onStarted }: TuningFormProps) {
  const { client } = useConnection();
  const [choices, setChoices] = useState<TuningChoices>(FIRST_TUNING);
  const change = (changes: Partial<TuningChoices>) => setChoices((old) => ({ ...old, ...changes }));
  const start = useAction(
    (request: TuningRequest, signal) => client.tailoring.startTuning(device.deviceId, request, signal),
    onStarted,
  );
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        start.run(toTuningRequest(choices, chosen));
      }}
    >
      {start.error === null ? null : <ErrorNote error={start.error} title="The device was not asked to measure" />}
      <details class="fold">
        <summary>
          Options: at most {choices.budgetMinutes || "5"} min, {choices.cpuPercent || "50"} % of the CPU
          {choices.apply ? ", the winner is rolled out" : ", nothing is changed"}
        </summary>
        <div class="form-grid">
          <NumberField
            label="Time"
            hint="From the first measurement to the verdict; downloads come before it."
            unit="min"
            minimum={0.1}
            maximum={1440}
            required
            value={choices.budgetMinutes}
            onChange={(budgetMinutes) => change({ budgetMinutes })}
          />
          <NumberField
            label="Share of the CPU"
            hint="Measuring never takes more, so that serving goes on undisturbed."
            unit="%"
            minimum={1}
            maximum={100}
            required
            value={choices.cpuPercent}
            onChange={(cpuPercent) => change({ cpuPercent })}
          />
        </div>
        <Check
          label="Roll out the winner to this device"
          hint="Only when it is at least 5 % faster, and not within a day of the last switch."
          checked={choices.apply}
          onChange={(apply) => change({ apply })}
        />
      </details>
      <div class="form-actions">
        <button type="submit" class="primary" disabled={start.busy || chosen === undefined}>
          Measure on this device
        </button>
      </div>
    </form>
  );
}
