import type { ModelVariantView, VersionTrust } from "@sartor/shared/protocol";
import { Badge, Command, ErrorNote } from "../../components/index.js";
import { plural } from "../../format/index.js";
import { Link } from "../../router/index.js";
import { commandsOfVersion, useTrustStatus, useVersionTrust } from "../trust/index.js";

type Signed = VersionTrust["bundles"][number]["signed"];
/** What is signed, by bundle; null until it was read. */
export type SignedBundles = ReadonlyMap<string, Signed> | null;

/** What is signed, by bundle. */
export function signedBundles(trust: VersionTrust | null): SignedBundles {
  return trust === null ? null : new Map(trust.bundles.map(({ bundleId, signed }) => [bundleId, signed]));
}

/** Whether devices would take a variant. */
export function SignedState({
  variant,
  signed,
}: {
  readonly variant: ModelVariantView;
  readonly signed: SignedBundles;
}) {
  if (signed === null) return <span class="muted">…</span>;
  const found = signed.get(variant.bundleId) ?? null;
  if (found === null) return <Badge tone="warn">awaiting signature</Badge>;
  return (
    <span class="two-lines">
      <Badge tone="good">signed (release {found.releaseCounter})</Badge>
      <span class="second" title="Kinds of hardware that it was signed for">
        for {found.hardware.join(", ")}
      </span>
    </span>
  );
}

/** Properties of an {@link UnsignedNote}. */
export interface UnsignedNoteProps {
  readonly model: string;
  readonly version: string;
  readonly trust: VersionTrust | null;
}

/** Says that variants wait for a signature, and which command gives it; nothing where all are signed. */
export function UnsignedNote({ model, version, trust }: UnsignedNoteProps) {
  const missing = (trust?.bundles ?? []).filter(({ signed }) => signed === null).length;
  return trust === null || missing === 0 ? null : (
    <MissingNote model={model} version={version} missing={missing} of={trust.bundles.length} />
  );
}

interface MissingNoteProps {
  readonly model: string;
  readonly version: string;
  readonly missing: number;
  readonly of: number;
}

function MissingNote({ model, version, missing, of }: MissingNoteProps) {
  const status = useTrustStatus();
  return (
    <div class="note note-warn">
      <p>
        <b>
          {missing === of
            ? "Nothing of this version is signed"
            : `${missing} of ${plural(of, "variant is", "variants are")} not signed`}
        </b>
        : until that is done, no device installs or measures {missing === 1 ? "it" : "them"}. It is signed where the
        release key is, not in the browser; <Link to="/trust">Trust</Link> says whose signature is missing.
      </p>
      {commandsOfVersion(status.value, model, version).map((command) => (
        <p key={command} class="command-block">
          <Command text={command} />
        </p>
      ))}
    </div>
  );
}

/** The same for a version that is only about to be used: it reads by itself what is signed. */
export function UnsignedVersionNote({ model, version }: { readonly model: string; readonly version: string }) {
  const trust = useVersionTrust({ model, version });
  return (
    <>
      {trust.error === null ? null : <ErrorNote error={trust.error} title="What is signed cannot be read" />}
      <UnsignedNote model={model} version={version} trust={trust.value} />
    </>
  );
}
