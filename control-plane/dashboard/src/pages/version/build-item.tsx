import type { VariantBuildView } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { Allowed, actionOf, useAction, useConnection } from "../../api/index.js";
import { Ago, ConfirmDialog, ErrorNote, JobBar, StatusBadge } from "../../components/index.js";
import { formatLongDuration, plural } from "../../format/index.js";
import { cardPath, Link } from "../../router/index.js";

/** Properties of a {@link BuildItem}. */
export interface BuildItemProps {
  readonly build: VariantBuildView;
  readonly onChanged: (build: VariantBuildView) => void;
}

/** One build: how far it is, and what became of each variant. */
export function BuildItem({ build, onChanged }: BuildItemProps) {
  const open = build.status === "queued" || build.status === "in_progress";
  const { progress } = build;
  return (
    <li class="build">
      <p class="build-head">
        <StatusBadge status={build.status} />
        <span class="muted">
          {plural(build.variants.length, "variant", "variants")} · asked for <Ago at={build.createdAt} />
          {build.startedAt !== null && build.finishedAt !== null
            ? ` · took ${formatLongDuration(build.finishedAt - build.startedAt)}`
            : ""}
        </span>
        {open ? (
          <Allowed to="operator">
            <CancelBuild build={build} onChanged={onChanged} />
          </Allowed>
        ) : null}
      </p>
      {open ? (
        <JobBar
          label="Progress of the build"
          percent={progress?.percent ?? 0}
          step={progress?.step ?? (build.status === "queued" ? "waits for its turn" : "begins")}
          {...(progress === null ? {} : { remainingMs: progress.remainingMs })}
        />
      ) : null}
      {build.error === null ? null : <ErrorNote error={build.error} title="The build failed" />}
      <ul class="build-variants" aria-label="Variants of this build">
        {build.variants.map((variant) => (
          <li key={variant.name}>
            <span class="build-variant">
              {variant.status === "succeeded" ? (
                <Link to={cardPath(build.model, build.version, variant.name)}>{variant.name}</Link>
              ) : (
                variant.name
              )}
            </span>
            <StatusBadge status={variant.status} />
            {variant.error === null ? null : (
              <span class="build-error">
                <code class="code">{variant.error.code}</code> {variant.error.message}{" "}
                <span class="muted">{actionOf(variant.error.code)}</span>
              </span>
            )}
          </li>
        ))}
      </ul>
    </li>
  );
}

function CancelBuild({ build, onChanged }: BuildItemProps) {
  const { client } = useConnection();
  const [asking, setAsking] = useState(false);
  const cancel = useAction((_: null, signal) => client.tailoring.cancelBuild(build.buildId, signal), onChanged);
  return (
    <>
      <button
        type="button"
        class="danger small-button head-action"
        disabled={cancel.busy}
        onClick={() => setAsking(true)}
      >
        Cancel build
      </button>
      {cancel.error === null ? null : <ErrorNote error={cancel.error} title="The build could not be canceled" />}
      {asking ? (
        <ConfirmDialog
          title="Cancel this build?"
          confirm="Cancel build"
          keep="Let it go on"
          onConfirm={() => cancel.run(null)}
          onClose={() => setAsking(false)}
        >
          <p>Variants that are finished stay; the others are not made.</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
