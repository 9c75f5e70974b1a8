import type { ModelVersionView } from "@sartor/shared/protocol";
import { useConnection, useLiveList } from "../api/index.js";
import { Ago, type Column, EmptyState, ErrorNote, Loading, VirtualTable } from "../components/index.js";
import {
  formatBytes,
  formatCount,
  formatShare,
  formatSignificant,
  plural,
  shortDigest,
  UNKNOWN,
} from "../format/index.js";
import { Link, navigate, versionPath } from "../router/index.js";
import { keepSorting, sortingOf } from "./query-sorting.js";
import { useTitle } from "./use-title.js";

const keyOf = (model: ModelVersionView) => `${model.model} ${model.version}`;
const open = (model: ModelVersionView) => navigate(versionPath(model.model, model.version));

function formatMetric(metric: string, value: number): string {
  const isShare = value >= 0 && value <= 1 && /accuracy|top|agreement|precision|recall/i.test(metric);
  return isShare ? formatShare(value) : formatSignificant(value);
}

const COLUMNS: readonly Column<ModelVersionView>[] = [
  {
    id: "model",
    header: "Model",
    width: 26,
    priority: 1,
    sortValue: (model) => model.model,
    render: (model) => (
      <span class="two-lines">
        <span class="row-title">
          <Link to={versionPath(model.model, model.version)}>{model.model}</Link>
        </span>
        <span class="second" title={model.manifest.description}>
          {model.manifest.description}
        </span>
      </span>
    ),
  },
  {
    id: "version",
    header: "Version",
    width: 14,
    priority: 1,
    sortValue: (model) => model.version,
    render: (model) => (
      <span class="two-lines">
        <span>{model.version}</span>
        <span class="second" title={model.digest}>
          {shortDigest(model.digest)}
        </span>
      </span>
    ),
  },
  {
    id: "task",
    header: "Task",
    width: 22,
    priority: 2,
    sortValue: (model) => model.manifest.task,
    render: (model) => (
      <span class="two-lines">
        <span class="cut">{model.manifest.task}</span>
        <span class="second">{formatCount(model.manifest.labels.length)} classes</span>
      </span>
    ),
  },
  {
    id: "evaluation",
    header: "Evaluation",
    hint: "As the model's manifest says",
    width: 34,
    priority: 1,
    sortValue: (model) => model.manifest.evaluation[0]?.value ?? null,
    render: (model) =>
      model.manifest.evaluation.length === 0 ? (
        <span class="unknown">{UNKNOWN}</span>
      ) : (
        <span
          class="evaluations"
          title={model.manifest.evaluation
            .map((each) => `${each.metric} ${each.value} on ${each.dataset}, ${each.samples} samples`)
            .join("\n")}
        >
          {model.manifest.evaluation.slice(0, 2).map((each) => (
            <span key={`${each.dataset} ${each.metric}`} class="cut">
              <b>{formatMetric(each.metric, each.value)}</b>{" "}
              <span class="muted">
                {each.metric} · {each.dataset}
              </span>
            </span>
          ))}
        </span>
      ),
  },
  {
    id: "parameters",
    header: "Parameters",
    numeric: true,
    width: 12,
    priority: 3,
    sortValue: (model) => model.parameters,
    render: (model) => formatCount(model.parameters),
  },
  {
    id: "size",
    header: "Size",
    numeric: true,
    width: 11,
    priority: 2,
    sortValue: (model) => model.bytes,
    render: (model) => formatBytes(model.bytes),
  },
  {
    id: "variants",
    header: "Variants",
    width: 14,
    priority: 2,
    sortValue: (model) => model.variants.length,
    render: (model) => (
      <span class="two-lines">
        <span>{plural(model.variants.length, "variant", "variants")}</span>
        <span class="second" title={model.variants.map((variant) => variant.name).join(", ")}>
          {model.variants.map((variant) => variant.name).join(", ")}
        </span>
      </span>
    ),
  },
  {
    id: "created",
    header: "Registered",
    numeric: true,
    width: 13,
    priority: 2,
    sortValue: (model) => model.createdAt,
    render: (model) => <Ago at={model.createdAt} />,
  },
];

/** All model versions with their evaluation. */
export function ModelsPage({ query }: { readonly query: URLSearchParams }) {
  useTitle("Models");
  const { client } = useConnection();
  const models = useLiveList<ModelVersionView>("models", {
    keyOf,
    isEnded: () => false,
    load: (signal) => client.models(signal),
    pick: (event) => (event.type === "model" ? event.model : undefined),
  });
  const rows = models.items ?? [];
  return (
    <div class="page page-table">
      <div class="page-head">
        <h1>Models</h1>
      </div>
      {models.error === null ? null : <ErrorNote error={models.error} title="The list of models cannot be read" />}
      {models.items === null && models.error === null ? <Loading what="models" rows={4} /> : null}
      {models.items !== null && rows.length === 0 ? (
        <EmptyState title="No model is registered yet">
          <p>
            Upload an ONNX file with <code>POST /api/v1/uploads</code> and register it with{" "}
            <code>POST /api/v1/models/NAME/versions</code>. <code>npm start</code> registers the road-sign model by
            itself.
          </p>
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Model versions"
          columns={COLUMNS}
          rows={rows}
          keyOf={keyOf}
          sorting={sortingOf(query, { column: "created", descending: true })}
          onSort={keepSorting}
          onOpen={open}
        />
      ) : null}
    </div>
  );
}
