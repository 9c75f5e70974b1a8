import type { ModelVersionView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, useConnection, useLiveEvents, useResource } from "../../api/index.js";
import { ErrorNote, Loading, Tabs } from "../../components/index.js";
import { Link, newRolloutPath, VERSION_PARTS, type VersionPart, versionPath } from "../../router/index.js";
import { useTitle } from "../use-title.js";
import { BuildsPart } from "./builds-part.js";
import { DatasetsPart } from "./datasets-part.js";
import { FitPart } from "./fit-part.js";
import { VariantsPart } from "./variants-part.js";

const TITLES: Readonly<Record<VersionPart, string>> = {
  variants: "Variants",
  devices: "Which device gets what",
  builds: "Builds",
  datasets: "Samples",
};

/** Properties of a {@link VersionPage}. */
export interface VersionPageProps {
  readonly model: string;
  readonly version: string;
  readonly part: VersionPart;
  readonly query: URLSearchParams;
}

/** One version of a model: its variants, who gets which, the builds that made them and the samples that they were measured with. */
export function VersionPage({ model, version, part, query }: VersionPageProps) {
  useTitle(`${model} ${version}`);
  const { client } = useConnection();
  const read = useResource(`version ${model} ${version}`, (signal) => client.modelVersion(model, version, signal));
  const [live, setLive] = useState<ModelVersionView | null>(null);
  useLiveEvents((event) => {
    if (event.type === "ready" || event.type === "resync") setLive(null);
    if (event.type === "model" && event.model.model === model && event.model.version === version) setLive(event.model);
  });
  const view = live ?? read.value;
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/models">Models</Link> <span aria-hidden="true">/</span> {model} {version}
      </nav>
      <div class="page-head">
        <h1>
          {model} {version}
        </h1>
        <span class="muted">{view?.manifest.description}</span>
        <Allowed to="operator">
          <Link to={newRolloutPath(model, version)} class="button primary head-action">
            Roll out
          </Link>
        </Allowed>
      </div>
      <Tabs
        label="Parts of this version"
        tabs={VERSION_PARTS.map((each) => ({
          to: versionPath(model, version, each),
          title: TITLES[each],
          current: each === part,
        }))}
      />
      {read.error === null ? null : <ErrorNote error={read.error} title="This version cannot be read" />}
      {view === null && read.error === null ? <Loading what="the version" rows={8} /> : null}
      {view === null ? null : <Part view={view} part={part} query={query} />}
    </div>
  );
}

interface PartProps {
  readonly view: ModelVersionView;
  readonly part: VersionPart;
  readonly query: URLSearchParams;
}

function Part({ view, part, query }: PartProps) {
  switch (part) {
    case "variants":
      return <VariantsPart view={view} />;
    case "devices":
      return <FitPart view={view} query={query} />;
    case "builds":
      return <BuildsPart view={view} />;
    case "datasets":
      return <DatasetsPart view={view} />;
  }
}
