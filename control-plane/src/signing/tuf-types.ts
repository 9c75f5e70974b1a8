import type { Targets } from "@tufjs/models";

export type { Metadata, Root, TargetFile, Targets } from "@tufjs/models";

type Delegations = NonNullable<Targets["delegations"]>;
/** A delegated role; @tufjs/models keeps the class to itself. */
export type DelegatedRole = NonNullable<Delegations["roles"]>[string];
