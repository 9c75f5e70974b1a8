import type {
  DesiredState,
  DeviceEvent,
  DeviceEventView,
  Inventory,
  ReportedState,
  Role,
  TelemetryWindow,
  TuningReport,
} from "@sartor/shared/protocol";

/** A message of a device, validated. */
export interface Received<T> {
  readonly deviceId: string;
  readonly message: T;
  /** When the control plane got it, ms since 1970: the device's own clock may be wrong. */
  readonly receivedAt: number;
}

/**
 * Every event of the control plane, from its name to its payload. Events flow to the right only: a module listens to
 * those of the modules on its left.
 */
export interface EventMap {
  // --- ingest: handlers' promises are awaited before the message is acknowledged ---------------
  "device.inventory": Received<Inventory>;
  "device.reported": Received<ReportedState>;
  "device.telemetry": Received<TelemetryWindow>;
  "device.event": Received<DeviceEvent>;
  "device.tuning": Received<TuningReport>;
  /** A message did not fit its schema and was dropped. */
  "device.invalid_message": {
    readonly deviceId: string;
    readonly kind: string;
    readonly problem: string;
    readonly at: number;
  };
  /** A device's MQTT session began (embedded broker) or it said so (external broker). */
  "device.connected": { readonly deviceId: string; readonly at: number };
  /** A device's MQTT session ended, for whatever reason (embedded broker). */
  "device.disconnected": { readonly deviceId: string; readonly at: number };

  // --- auth ------------------------------------------------------------------------------------
  /** A device redeemed its token; its credential is committed. */
  "device.enrolled": {
    readonly deviceId: string;
    readonly name: string;
    readonly emulated: boolean;
    readonly at: number;
  };
  /** A device without a token asked for the first time to be let in. */
  "device.waiting": { readonly keyFingerprint: string };
  /** A device's credential is no longer valid. */
  "device.revoked": { readonly deviceId: string };

  /** A user, or one session or API token, has no access any more: live connections are closed. */
  "person.access_ended": { readonly personId: string } | { readonly credentialId: string };
  /** What of the fleet a user may see has changed: live connections begin anew. */
  "person.access_changed": { readonly personId: string };
  /** Somebody logged in at the identity provider. */
  "person.logged_in": {
    readonly name: string;
    readonly role: Role;
    readonly address: string;
    readonly correlationId: string;
  };
  /** Somebody whose credential counts asked for what it does not allow. */
  "person.refused": {
    readonly kind: "user" | "api_token" | "operator_token";
    readonly id: string;
    readonly name: string;
    readonly role: Role;
    readonly address: string;
    readonly method: string;
    readonly route: string;
    readonly target: Readonly<Record<string, string>>;
    readonly code: string;
    readonly status: number;
    readonly correlationId: string;
  };

  // --- devices ---------------------------------------------------------------------------------
  /** Anything that a DeviceSummary shows has changed. */
  "device.changed": { readonly deviceId: string };
  /** A device told its operators something that was not known before; it is stored. */
  "device.told": { readonly deviceId: string; readonly event: DeviceEventView };
  /** A device was moved out of a group: who may see only that one does not see it any more. */
  "device.left_group": { readonly deviceId: string; readonly group: string };
  /** A device is being deleted: handlers remove what they keep of it and are waited for. */
  "device.deleted": { readonly deviceId: string };

  // --- models: handlers' promises are awaited before the version becomes visible ----------------
  /** A model version passed all checks; its variants are to be made. */
  "model.version_added": { readonly versionId: string };
  /** A version that nobody saw is being removed: handlers remove what they keep of it and are waited for. */
  "model.version_withdrawn": { readonly versionId: string };
  /** A variant's content is there; its bundle is to be cut. */
  "variant.built": { readonly variantId: string };
  /** A variant that nobody was offered is being removed: handlers remove what they keep of it and are waited for. */
  "variant.discarded": { readonly variantId: string };

  /** What a version offers, or what is known of its variants, has changed; the bundles are there. Handlers are awaited. */
  "variants.offered": { readonly versionId: string };

  // --- variants and tailoring --------------------------------------------------------------------
  /** Anything that a VariantBuildView shows has changed. */
  "build.changed": { readonly buildId: string };
  /** The fp32 variant that a version offers is not the file that is made of it now: it is to be made anew. */
  "variants.reference_outdated": { readonly versionId: string };
  /** Anything that a ModelVersionView shows has changed; its variants above all. */
  "model.changed": { readonly model: string; readonly version: string };
  /** Anything that a TuningView shows has changed. */
  "tuning.changed": { readonly tuningId: string; readonly deviceId: string };
  /** A device is to be told what to measure, or that it need not any more. */
  "tuning.ordered": { readonly deviceId: string };
  /** A device has reported what it measured; it is stored. */
  "tuning.finished": { readonly tuningId: string; readonly deviceId: string };

  // --- signing ---------------------------------------------------------------------------------
  /** Signed metadata of the image repository was published; the bundles of these models may be new, or have another release counter. */
  "signing.published": { readonly models: readonly string[] };
  /** Something has to be signed by keys that are offline, by fewer of them than before, or not any more. */
  "signing.requested": { readonly role: string };

  // --- rollouts --------------------------------------------------------------------------------
  /** A new desired state was published for a device. */
  "desired.published": { readonly deviceId: string; readonly desired: DesiredState };
  /** A device cannot be told of a deployment yet, or can again. */
  "desired.hold_changed": { readonly deviceId: string; readonly deploymentId: string };
  /** Anything that a RolloutSummary shows has changed. */
  "rollout.changed": { readonly rolloutId: string };
  /** Anything that a DeviceDeploymentView shows has changed. */
  "deployment.changed": { readonly deploymentId: string; readonly deviceId: string; readonly rolloutId: string };

  // --- telemetry -------------------------------------------------------------------------------
  /** A telemetry window was stored that was not there before. */
  "telemetry.stored": Received<TelemetryWindow>;

  // --- audit -----------------------------------------------------------------------------------
  /** The audit log has a new entry: somebody changed something, or tried to. */
  "audit.appended": { readonly sequence: number };
}

export type EventName = keyof EventMap;
export type EventHandler<Name extends EventName> = (payload: EventMap[Name]) => void | Promise<void>;
