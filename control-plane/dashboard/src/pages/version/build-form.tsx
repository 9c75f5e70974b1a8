import type {
  DatasetPurpose,
  DatasetView,
  ModelVersionView,
  VariantBuildRequest,
  VariantBuildView,
  VariantName,
} from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { Check, ErrorNote, NumberField, Panel, Select } from "../../components/index.js";
import { formatCount, plural } from "../../format/index.js";
import { Link, versionPath } from "../../router/index.js";
import { VARIANTS } from "../tailoring/index.js";
import { type BuildChoices, FIRST_CHOICES, toBuildRequest } from "./build-request.js";
import { useDatasets } from "./use-datasets.js";

/** Properties of a {@link BuildForm}. */
export interface BuildFormProps {
  readonly view: ModelVersionView;
  readonly onStarted: (build: VariantBuildView) => void;
}

const NAMES = Object.keys(VARIANTS) as VariantName[];

/** Starts a build: which variants, from which samples, how accurate they must stay. */
export function BuildForm({ view, onStarted }: BuildFormProps) {
  const { client } = useConnection();
  const { model, version } = view;
  const datasets = useDatasets(model).value ?? [];
  const [choices, setChoices] = useState<BuildChoices>(FIRST_CHOICES);
  const change = (changes: Partial<BuildChoices>) => setChoices((old) => ({ ...old, ...changes }));
  const start = useAction(
    (request: VariantBuildRequest, signal) => client.tailoring.startBuild({ model, version }, request, signal),
    onStarted,
  );
  const pruned = choices.fitting || choices.variants.some((name) => name.endsWith("-pruned"));
  return (
    <Panel title="Start a build">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          start.run(toBuildRequest(choices));
        }}
      >
        <VariantChoice choices={choices} change={change} />
        <div class="form-grid">
          <DatasetChoice purpose="calibration" datasets={datasets} value={choices.calibration} change={change} />
          <DatasetChoice purpose="evaluation" datasets={datasets} value={choices.evaluation} change={change} />
          <NumberField
            label="Most accuracy to lose"
            hint="Against fp32 on the evaluation samples. A variant that loses more gets its worst layers back in fp32, or is refused."
            unit="points"
            minimum={0}
            maximum={100}
            required
            value={choices.maximumLossPoints}
            onChange={(maximumLossPoints) => change({ maximumLossPoints })}
          />
          <NumberField
            label="Least accuracy"
            hint="Empty: no floor."
            unit="%"
            minimum={0}
            maximum={100}
            value={choices.minimumAccuracyPercent}
            onChange={(minimumAccuracyPercent) => change({ minimumAccuracyPercent })}
          />
          {pruned ? (
            <NumberField
              label="Channels to remove"
              hint="Of each layer that can be pruned; for the pruned variants only."
              unit="%"
              minimum={5}
              maximum={75}
              required
              value={choices.pruningPercent}
              onChange={(pruningPercent) => change({ pruningPercent })}
            />
          ) : null}
        </div>
        <Check
          label="Even out ranges between layers"
          hint="Where it fits better: it helps networks whose channels differ a lot."
          checked={choices.equalise}
          onChange={(equalise) => change({ equalise })}
        />
        {datasets.length === 0 ? (
          <p class="note note-warn">
            Without samples the 8-bit variants that need calibration are left out or refused, and no accuracy is known.{" "}
            <Link to={versionPath(model, version, "datasets")}>Add samples</Link>
          </p>
        ) : null}
        {start.error === null ? null : <ErrorNote error={start.error} title="The build was not started" />}
        <div class="form-actions">
          <button
            type="submit"
            class="primary"
            disabled={start.busy || (!choices.fitting && choices.variants.length === 0)}
          >
            {choices.fitting
              ? "Build all that suit"
              : `Build ${plural(choices.variants.length, "variant", "variants")}`}
          </button>
        </div>
      </form>
    </Panel>
  );
}

interface ChoiceProps {
  readonly choices: BuildChoices;
  readonly change: (changes: Partial<BuildChoices>) => void;
}

function VariantChoice({ choices, change }: ChoiceProps) {
  const toggle = (name: VariantName, on: boolean) =>
    change({ variants: NAMES.filter((each) => (each === name ? on : choices.variants.includes(each))) });
  return (
    <fieldset class="choices">
      <legend>Variants</legend>
      <Check
        label="All that suit this network"
        hint="The builder leaves out what makes no sense for it."
        checked={choices.fitting}
        onChange={(fitting) => change({ fitting })}
      />
      {choices.fitting ? null : (
        <div class="check-grid">
          {NAMES.map((name) => (
            <Check
              key={name}
              label={
                <>
                  <b>{name}</b> · {VARIANTS[name].title}
                </>
              }
              hint={VARIANTS[name].text}
              checked={choices.variants.includes(name)}
              onChange={(on) => toggle(name, on)}
            />
          ))}
        </div>
      )}
    </fieldset>
  );
}

interface DatasetChoiceProps {
  readonly purpose: DatasetPurpose;
  readonly datasets: readonly DatasetView[];
  readonly value: string;
  readonly change: (changes: Partial<BuildChoices>) => void;
}

function DatasetChoice({ purpose, datasets, value, change }: DatasetChoiceProps) {
  const fitting = datasets.filter((dataset) => dataset.purpose === purpose);
  const newest = fitting[0];
  const options: (readonly [string, string])[] = [
    ["newest", newest === undefined ? "the newest (there is none)" : `the newest: ${newest.name}`],
    ...fitting.map(({ datasetId, name, samples }) => [datasetId, `${name}, ${formatCount(samples)} samples`] as const),
    ["none", "none"],
  ];
  const title = purpose === "calibration" ? "Calibration samples" : "Evaluation samples";
  return <Select label={title} value={value} options={options} onChange={(next) => change({ [purpose]: next })} />;
}
