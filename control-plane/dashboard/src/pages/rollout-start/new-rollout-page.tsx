import type { RolloutRequest } from "@sartor/shared/protocol";
import { useMemo, useState } from "preact/hooks";
import { Allowed, useAction, useConnection, useFleet, usePlans, useResource } from "../../api/index.js";
import { EmptyState, ErrorNote, Loading, NumberField, Panel, Select, TextField } from "../../components/index.js";
import { plural } from "../../format/index.js";
import { Link, navigate, rolloutPath } from "../../router/index.js";
import { kindsOfDevices } from "../tailoring/index.js";
import { useTitle } from "../use-title.js";
import { UnsignedVersionNote } from "../version/index.js";
import { ConfirmRollout } from "./confirm-rollout.js";
import { DeviceChoice } from "./device-choice.js";
import { expectVariants } from "./expected-variants.js";
import {
  FIRST_ROLLOUT,
  isChosen,
  type RolloutChoices,
  toPolicy,
  toRolloutRequest,
  versionKeyOf,
} from "./rollout-request.js";

/** Kinds of hardware that are planned for before a rollout begins: enough for a picture, and cheap. */
const MOST_PLANS = 24;

/** Starts a rollout: what, to whom, which variant, and within which limits. */
export function NewRolloutPage({ query }: { readonly query: URLSearchParams }) {
  useTitle("New rollout");
  const { client } = useConnection();
  const fleet = useFleet();
  const models = useResource("models", (signal) => client.models(signal));
  const [choices, setChoices] = useState<RolloutChoices>({
    ...FIRST_ROLLOUT,
    version: [query.get("model"), query.get("version")].filter(Boolean).join(" "),
  });
  const change = (changes: Partial<RolloutChoices>) => setChoices((old) => ({ ...old, ...changes }));
  const [asking, setAsking] = useState(false);
  const versions = models.value ?? [];
  const chosen = versions.find((each) => versionKeyOf(each) === choices.version) ?? versions[0];
  const devices = useMemo(() => fleet.devices.filter((device) => isChosen(device, choices)), [fleet.devices, choices]);
  const kinds = useMemo(() => kindsOfDevices(devices).slice(0, MOST_PLANS), [devices]);
  const targets = kinds.map(({ key, sample }) => ({ key, device: { deviceId: sample.deviceId } }));
  const dryRun = asking && choices.variant === "" && chosen !== undefined;
  const plans = usePlans(
    { version: dryRun ? { model: chosen.model, version: chosen.version } : null, policy: toPolicy(choices) },
    targets,
  );
  const start = useAction(
    (request: RolloutRequest, signal) => client.startRollout(request, signal),
    ({ rolloutId }) => navigate(rolloutPath(rolloutId)),
  );
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/rollouts">Rollouts</Link> <span aria-hidden="true">/</span> New rollout
      </nav>
      <div class="page-head">
        <h1>New rollout</h1>
      </div>
      {models.error === null ? null : <ErrorNote error={models.error} title="The list of models cannot be read" />}
      {models.value === null && models.error === null ? <Loading what="models" rows={4} /> : null}
      {models.value !== null && chosen === undefined ? <EmptyState title="No model is registered yet" /> : null}
      {chosen === undefined ? null : (
        <form
          class="form stack"
          onSubmit={(event) => {
            event.preventDefault();
            setAsking(true);
          }}
        >
          <Panel title="What">
            <div class="form-grid">
              <Select
                label="Model version"
                value={versionKeyOf(chosen)}
                options={versions.map((each) => [versionKeyOf(each), versionKeyOf(each)])}
                onChange={(version) => change({ version, variant: "" })}
              />
              <Select
                label="Variant"
                hint="By its own plan, each device gets what is fastest on it within the limits below."
                value={choices.variant}
                options={[
                  ["", "each device's own plan"],
                  ...chosen.variants.map(({ name }) => [name, `${name} for all`] as const),
                ]}
                onChange={(variant) => change({ variant })}
              />
              <TextField
                label="Name"
                hint="How people will find it again."
                value={choices.name}
                maximumLength={256}
                placeholder={versionKeyOf(chosen)}
                onChange={(name) => change({ name })}
              />
            </div>
            <UnsignedVersionNote key={versionKeyOf(chosen)} model={chosen.model} version={chosen.version} />
          </Panel>
          <DeviceChoice devices={fleet.devices} choices={choices} change={change} />
          <Limits choices={choices} change={change} />
          {start.error === null ? null : <ErrorNote error={start.error} title="The rollout was not started" />}
          <div class="form-actions">
            <Allowed to="operator">
              <button type="submit" class="primary" disabled={start.busy || devices.length === 0}>
                {devices.length === 0
                  ? "Choose at least one device"
                  : `Roll out to ${plural(devices.length, "device", "devices")}…`}
              </button>
            </Allowed>
          </div>
        </form>
      )}
      {asking && chosen !== undefined ? (
        <ConfirmRollout
          title={`Roll out ${versionKeyOf(chosen)}?`}
          devices={devices.length}
          variant={choices.variant}
          expected={expectVariants(devices.length, kinds, ({ key }) => plans.get(key)?.value)}
          planned={{ done: plans.size, of: targets.length }}
          onConfirm={() => start.run(toRolloutRequest(choices, chosen))}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </div>
  );
}

interface LimitsProps {
  readonly choices: RolloutChoices;
  readonly change: (changes: Partial<RolloutChoices>) => void;
}

function Limits({ choices, change }: LimitsProps) {
  return (
    <Panel title="Limits" aside={<span class="muted small">empty: no limit</span>}>
      <div class="form-grid">
        <NumberField
          label="Slowest answer"
          hint="95 of 100 inferences must be faster."
          unit="ms"
          minimum={0.001}
          maximum={3_600_000}
          value={choices.maximumP95Ms}
          onChange={(maximumP95Ms) => change({ maximumP95Ms })}
        />
        <NumberField
          label="Least accuracy"
          hint="On the evaluation samples."
          unit="%"
          minimum={0}
          maximum={100}
          value={choices.minimumAccuracyPercent}
          onChange={(minimumAccuracyPercent) => change({ minimumAccuracyPercent })}
        />
        <NumberField
          label="Most memory"
          hint="Of the loaded model with its runtime."
          unit="MiB"
          minimum={0}
          maximum={1_048_576}
          value={choices.maximumMemoryMib}
          onChange={(maximumMemoryMib) => change({ maximumMemoryMib })}
        />
        <NumberField
          label="Most power"
          hint="Of the whole board."
          unit="W"
          minimum={0.001}
          maximum={10_000}
          value={choices.maximumPowerWatts}
          onChange={(maximumPowerWatts) => change({ maximumPowerWatts })}
        />
        <NumberField
          label="Deadline"
          hint="A device that has not finished by then counts as timed out."
          unit="min"
          minimum={1}
          maximum={43_200}
          required
          value={choices.deadlineMinutes}
          onChange={(deadlineMinutes) => change({ deadlineMinutes })}
        />
        <Select
          label="Measuring on the devices"
          hint="Devices measure their candidates once they serve, and switch when another is faster."
          value={choices.tune}
          options={[
            ["auto", "the first three of each kind"],
            ["always", "every device"],
            ["never", "no device"],
          ]}
          onChange={(tune) => change({ tune })}
        />
      </div>
    </Panel>
  );
}
