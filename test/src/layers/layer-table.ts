/**
 * The layer rule as data: which packages exist, whom each may import, and in which order their rooms stand.
 * `docs/architecture.md`, "Who may import whom", says the same in words.
 */

/** A package of the workspace. */
export interface PackageLayer {
  /** Its npm name. */
  readonly name: string;
  /** Its folder, relative to the repository root. */
  readonly folder: string;
  /** Packages it may import, besides itself; `"*"` means any. */
  readonly mayImport: readonly string[] | "*";
  /** Why the wall stands, for the message. */
  readonly why: string;
  /** What to do instead, for the message. */
  readonly instead: string;
}

/** Rooms of a package from the bottom up: a room may import rooms of lower tiers, and none of its own tier. */
export interface RoomOrder {
  readonly package: string;
  /** Lowest tier first. Rooms of one tier never import each other. */
  readonly tiers: readonly (readonly string[])[];
  /** Files right under `src/` (composition roots) stand above every tier. */
  readonly why: string;
  readonly instead: string;
}

export const PACKAGES: readonly PackageLayer[] = [
  {
    name: "@sartor/shared",
    folder: "shared",
    mayImport: [],
    why: "shared/ is what both sides agree on, so it can know neither",
    instead: "move the code that needs the other package out of shared/, or pass what it needs as an argument",
  },
  {
    name: "@sartor/firmware-profiles",
    folder: "firmware-profiles",
    mayImport: ["@sartor/shared"],
    why: "firmware profiles are data about hardware, checked against shared schemas only",
    instead: "put the logic into shared/domain and let the profile stay data",
  },
  {
    name: "@sartor/agent",
    folder: "agent",
    mayImport: ["@sartor/shared"],
    why: "a device must run without a line of the control plane; both meet only in shared/protocol",
    instead: "put what both sides agree on into shared/, and send the rest over MQTT or HTTP",
  },
  {
    name: "@sartor/onnx",
    folder: "control-plane/onnx",
    mayImport: ["@sartor/shared"],
    why: "onnx/ is a library of its own that knows graphs and nothing about devices or servers",
    instead: "pass what the graph code needs as arguments",
  },
  {
    name: "@sartor/control-plane",
    folder: "control-plane",
    mayImport: ["@sartor/shared", "@sartor/firmware-profiles", "@sartor/onnx"],
    why: "the control plane speaks to devices through shared/protocol, never through their code",
    instead: "put what both sides agree on into shared/",
  },
  {
    name: "@sartor/cli",
    folder: "control-plane/cli",
    mayImport: ["@sartor/shared", "@sartor/firmware-profiles"],
    why: "the sartor command is a client: it starts processes and calls REST, so that it works against any control plane",
    instead: "call the REST interface, or start the other program as a process",
  },
  {
    name: "@sartor/dashboard",
    folder: "control-plane/dashboard",
    mayImport: ["@sartor/shared"],
    why: "the page runs in a browser and knows the server by its REST and WebSocket interface only",
    instead: "fetch it over REST; take the types from @sartor/shared with import type",
  },
  {
    name: "@sartor/road-sign",
    folder: "workloads/road-sign",
    mayImport: ["@sartor/shared"],
    why: "a workload is data and tools around one model; it runs on any fleet",
    instead: "put what the workload and the others agree on into shared/",
  },
  {
    name: "@sartor/test",
    folder: "test",
    mayImport: "*",
    why: "tests see everything",
    instead: "",
  },
];

export const ROOM_ORDERS: readonly RoomOrder[] = [
  {
    package: "@sartor/shared",
    tiers: [["errors"], ["protocol"], ["domain"]],
    why: "in shared/, domain stands on protocol and protocol on errors",
    instead: "move the shared piece down into the lower room",
  },
  {
    package: "@sartor/agent",
    tiers: [
      ["platform"],
      ["storage", "config"],
      ["identity"],
      ["ota", "runtime", "tuning", "telemetry", "inventory", "link", "supervisor"],
      ["reconcile"],
    ],
    why: "in the agent: main > reconcile > {ota, runtime, tuning, telemetry, inventory, link, supervisor} > identity > {storage, config} > platform",
    instead: "declare the interface you need in your own room and let main.ts hand in the other room's implementation",
  },
  {
    package: "@sartor/control-plane",
    tiers: [
      ["config"],
      ["database"],
      ["events"],
      ["storage"],
      ["http"],
      ["auth"],
      ["ingest"],
      ["devices"],
      ["models"],
      ["variants"],
      ["tailoring"],
      ["bundles"],
      ["deltas"],
      ["signing"],
      ["rollouts"],
      ["telemetry"],
      ["drift"],
      ["retuning"],
      ["alerts"],
      ["audit"],
      ["dashboard-api"],
    ],
    why: "in the control plane data flows one way, so a module imports only those before it",
    instead: "emit an event that the later module listens to, or let the later module read what the earlier one stored",
  },
];

/** Rooms of shared/src/domain are entered through their own index.ts, like rooms. */
export const ROOMS_OF_ROOMS: Readonly<Record<string, readonly string[]>> = { "@sartor/shared": ["domain"] };

/** Files that may read `process.env`. Handing it on whole to a child process (`{ ...process.env }`) is no reading. */
export const ENVIRONMENT_READERS: readonly RegExp[] = [
  /^(?:agent|control-plane)\/src\/config\//,
  /^control-plane\/cli\/src\/config\//,
  /^control-plane\/cli\/bootstrap\//,
  /^test\//,
];

/** A place that may break one rule, and why. An exception that nothing needs any more is reported too. */
export interface LayerException {
  readonly rule: string;
  readonly path: string;
  readonly because: string;
}

export const EXCEPTIONS: readonly LayerException[] = [
  {
    rule: "literal-specifier",
    path: "control-plane/src/database/dialect.ts",
    because: "pg is installed only where PostgreSQL is used, so neither compiler nor package.json may know its name",
  },
];
