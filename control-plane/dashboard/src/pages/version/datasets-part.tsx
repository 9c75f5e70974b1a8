import type { DatasetView, ModelVersionView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useAction, useConnection } from "../../api/index.js";
import {
  Ago,
  ConfirmDialog,
  type DataColumn,
  DataTable,
  EmptyState,
  ErrorNote,
  Loading,
  Panel,
} from "../../components/index.js";
import { formatBytes, formatCount, plural } from "../../format/index.js";
import { DatasetUpload } from "./dataset-upload.js";
import { useDatasets } from "./use-datasets.js";

const keyOf = (dataset: DatasetView) => dataset.datasetId;

/** Samples of the model: what quantized variants are calibrated and measured with. */
export function DatasetsPart({ view }: { readonly view: ModelVersionView }) {
  const { client } = useConnection();
  const datasets = useDatasets(view.model);
  const [asked, setAsked] = useState<DatasetView | null>(null);
  const remove = useAction(
    (dataset: DatasetView, signal) => client.tailoring.removeDataset(view.model, dataset.datasetId, signal),
    datasets.reload,
  );
  const rows = datasets.value ?? [];
  return (
    <>
      <Panel title="Samples" aside={<span class="muted small">shared by all versions of {view.model}</span>}>
        {datasets.error === null ? null : <ErrorNote error={datasets.error} title="The samples cannot be read" />}
        {remove.error === null ? null : <ErrorNote error={remove.error} title="The samples could not be deleted" />}
        {datasets.value === null && datasets.error === null ? <Loading what="samples" rows={3} /> : null}
        {datasets.value !== null && rows.length === 0 ? (
          <EmptyState title="No samples yet">
            <p>
              Calibration samples show the range of numbers that a network sees, which 8-bit variants need. Evaluation
              samples carry labels and tell how right a variant is. Use different samples for each.
            </p>
          </EmptyState>
        ) : null}
        {rows.length === 0 ? null : (
          <DataTable
            label="Samples"
            columns={columnsOf(setAsked, view.manifest.labels.length)}
            rows={rows}
            keyOf={keyOf}
          />
        )}
      </Panel>
      <Allowed to="operator">
        <DatasetUpload view={view} onAdded={datasets.reload} />
      </Allowed>
      {asked === null ? null : (
        <ConfirmDialog
          title={`Delete ${asked.name}?`}
          confirm="Delete samples"
          keep="Keep them"
          onConfirm={() => remove.run(asked)}
          onClose={() => setAsked(null)}
        >
          <p>
            {plural(asked.samples, "sample", "samples")} for {asked.purpose} go away. Variants that were built with them
            stay, and so do their cards; new builds cannot use them any more.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

function columnsOf(onDelete: (dataset: DatasetView) => void, classes: number): DataColumn<DatasetView>[] {
  return [
    {
      header: "Name",
      render: ({ name, description }) => (
        <span class="two-lines">
          <b>{name}</b>
          <span class="second">{description}</span>
        </span>
      ),
    },
    { header: "For", render: ({ purpose }) => purpose },
    { header: "Samples", numeric: true, render: ({ samples }) => formatCount(samples) },
    { header: "Classes seen", numeric: true, render: ({ classCounts }) => seenClasses(classCounts, classes) },
    { header: "Size", numeric: true, render: ({ bytes }) => formatBytes(bytes) },
    { header: "Added", numeric: true, render: ({ createdAt }) => <Ago at={createdAt} /> },
    {
      header: "Remove",
      render: (dataset) => (
        <Allowed to="operator">
          <button type="button" class="danger small-button" onClick={() => onDelete(dataset)}>
            Delete<span class="visually-hidden"> {dataset.name}</span>
          </button>
        </Allowed>
      ),
    },
  ];
}

function seenClasses(counts: DatasetView["classCounts"], classes: number): string {
  if (counts === null) return "no labels";
  return `${Object.values(counts).filter((count) => count > 0).length} of ${classes}`;
}
