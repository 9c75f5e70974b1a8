import type { ModelVersionView, VariantBuildView } from "@sartor/shared/protocol";
import { Allowed, useConnection, useLiveList } from "../../api/index.js";
import { EmptyState, ErrorNote, Loading, Panel } from "../../components/index.js";
import { BuildForm } from "./build-form.js";
import { BuildItem } from "./build-item.js";

const ENDED: readonly string[] = ["succeeded", "failed", "canceled"];

/** Builds of a version, live, and the form that starts one. */
export function BuildsPart({ view }: { readonly view: ModelVersionView }) {
  const { client } = useConnection();
  const { model, version } = view;
  const builds = useLiveList<VariantBuildView>(`builds ${model} ${version}`, {
    keyOf: (build) => build.buildId,
    isEnded: (build) => ENDED.includes(build.status),
    load: (signal) => client.tailoring.builds({ model, version }, signal),
    pick: (event) =>
      event.type === "build" && event.build.model === model && event.build.version === version
        ? event.build
        : undefined,
  });
  const rows = [...(builds.items ?? [])].sort((left, right) => right.createdAt - left.createdAt);
  return (
    <>
      <Panel title="Builds">
        {builds.error === null ? null : <ErrorNote error={builds.error} title="The builds cannot be read" />}
        {builds.items === null && builds.error === null ? <Loading what="builds" rows={3} /> : null}
        {builds.items !== null && rows.length === 0 ? (
          <EmptyState title="Nothing was built yet">
            <p>A build makes smaller and faster variants of this version, and measures what each costs in accuracy.</p>
          </EmptyState>
        ) : null}
        <ol class="builds" aria-label="Builds, newest first">
          {rows.map((build) => (
            <BuildItem key={build.buildId} build={build} onChanged={builds.put} />
          ))}
        </ol>
      </Panel>
      <Allowed to="operator">
        <BuildForm view={view} onStarted={builds.put} />
      </Allowed>
    </>
  );
}
