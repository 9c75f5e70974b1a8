import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { Inventory, TuningEnvironment } from "@sartor/shared/protocol";
import type { AgentSettings } from "./config/index.js";
import { forgetFormerIdentity } from "./former-identity.js";
import { CertificateRenewal, loadOrEnrol } from "./identity/index.js";
import { DeviceConditionsReader, defaultHardware, SystemMetricsReader } from "./inventory/index.js";
import { createInventory } from "./inventory-wiring.js";
import { LazyTuner } from "./lazy-tuner.js";
import { Link } from "./link/index.js";

import { BundleInstaller, CandidateStore, DeploymentJournal, type OrderFollower, SlotStore } from "./ota/index.js";
import { BandwidthLimit, type Clock, hostFiles, type Logger, type MinimumRate } from "./platform/index.js";

import { buildReport, Reconciler, ReportPublisher, StepExecutors } from "./reconcile/index.js";
import { CandidateProcesses, InferenceServer, ModelHost } from "./runtime/index.js";
import { createSite } from "./site-wiring.js";
import { OutboxStore, openStateDatabase, SettingsStore } from "./storage/index.js";
import { TelemetryReporter } from "./telemetry/index.js";
import { createFollower, createTrust } from "./trust-wiring.js";
import { AGENT_VERSION, RELEASED_AT } from "./version.js";

/** Telemetry window before the control plane said otherwise, s. */
const DEFAULT_WINDOW_SECONDS = 60;
const LISTEN_RETRY_MS = 5_000;

/** What the agent needs of the outside. */
export interface AgentContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends a start that still waits, e.g. for the control plane. */
  readonly signal: AbortSignal;
  /** How often signed orders are looked for without a nudge, ms; 15 minutes by default. */
  readonly ordersPeriodMs?: number;
  /** A delivery that is slower is given up: 4 KiB in 60 s by default. */
  readonly slowestDelivery?: MinimumRate;
  /** How often the revocation list is looked for by a device that speaks with neighbours, ms; 5 minutes by default. */
  readonly revocationsPeriodMs?: number;
}

/** A running agent. */
export interface Agent {
  readonly deviceId: string;
  /** It is connected, what it reported has arrived, and what is committed serves: a supervisor may keep this release of it. */
  hasProved(): boolean;
  /** Ends in order: no new requests, last telemetry, goodbye to the broker, database. */
  stop(): Promise<void>;
}

/**
 * Composition root: makes every room and wires them. The order is the start order.
 *
 * @throws SartorError when settings, state or enrolment stop the start
 */
export async function startAgent(settings: AgentSettings, context: AgentContext): Promise<Agent> {
  const { clock, logger, signal } = context;
  const startedAt = clock.now();
  const bootId = randomUUID();
  const running = new AbortController();
  const onChange = () => reports?.touch();
  let reports: ReportPublisher | undefined;
  let hasReported = false;

  // State: everything that must outlive the process.
  mkdirSync(settings.stateFolder, { recursive: true, mode: 0o700 });
  chmodSync(settings.stateFolder, 0o700);
  const { database, setAside } = openStateDatabase(join(settings.stateFolder, "state.db"));
  if (setAside !== undefined) logger.error("the state database was damaged and set aside", { setAside });
  const store = new SettingsStore(database);
  const outbox = new OutboxStore(database, { maximumBytes: settings.outboxBytes });

  // Identity: who this device is.
  const emulated = settings.emulatedInventory !== undefined;
  const hardware = settings.hardware ?? (await defaultHardware(settings.emulatedInventory));
  const identity = await loadOrEnrol({
    stateFolder: settings.stateFolder,
    controlPlaneUrl: settings.controlPlaneUrl,
    token: settings.enrolmentToken,
    authorityFingerprint: settings.authorityFingerprint,
    deviceName: settings.deviceName,
    emulated,
    hardware,
    earliest: RELEASED_AT,
    clock,
    logger,
    random: Math.random,
    signal,
  });
  const { deviceId } = identity;
  const journal = new DeploymentJournal(store);
  forgetFormerIdentity(identity, store, outbox, journal);
  const trust = createTrust(settings.stateFolder, identity, hardware, context);

  /** Tells operators of something; on a full disk only the log gets it, and whoever told goes on. */
  const tell = (event: Parameters<Link["publishLog"]>[0]) => {
    try {
      link.publishLog(event);
    } catch (error) {
      logger.error("an event could not be stored for sending", { message: event.message, error });
    }
  };

  const renewal = new CertificateRenewal({
    identity,
    earliest: RELEASED_AT,
    clock,
    logger,
    random: Math.random,
    onRefused: ({ code, message }) =>
      tell({ level: "error", code, message: `The certificate cannot be renewed: ${message}` }),
  });

  // Runtime: models in children, and the endpoint that reaches them.
  const host = new ModelHost({
    clock,
    logger,
    settings: { childEnvironment: settings.runtimeEnvironment },
    onChange: () => {
      telemetry.setServing(servingOf(host));
      onChange();
    },
    onCrash: (bundleId, exit) => {
      const message = `The runtime child of ${bundleId} ended (${exit.signal ?? `exit code ${exit.code}`}) and is started again.`;
      tell({ level: "error", code: "SRT_INFERENCE_FAILED", message });
    },
  });
  const server = new InferenceServer({
    host,
    listen: { host: settings.inferenceHost, port: settings.inferencePort },
    agentVersion: AGENT_VERSION,
    clock,
    onInference: ({ serving, ...observation }) => telemetry.observe(observation, serving),
    logger,
  });

  // Over the air: slots, journal, and the loop that moves between them.
  const slots = new SlotStore(settings.stateFolder);
  const site = createSite({
    settings,
    identity,
    bandwidth: new BandwidthLimit(settings.downloadBytesPerSecond),
    bundles: () => [...slots.allInstalled(), ...candidates.installed()],
    tell,
    clock,
    logger,
    slowest: context.slowestDelivery,
    revocationsPeriodMs: context.revocationsPeriodMs,
  });
  const { source } = site;
  const parallel = settings.downloadsAtOnce;
  const candidates: CandidateStore = new CandidateStore({
    root: settings.stateFolder,
    slots,
    source,
    clock,
    logger,
    parallel,
  });
  const installer = new BundleInstaller({
    source,
    clock,
    complete: () => [...slots.allInstalled(), ...candidates.installed()],
    makeRoom: () => {
      site.makeRoom();
      return candidates.discard(new Set());
    },
    parallel,
    base: () => slots.activeBundle(),
    logger,
  });
  const executors = new StepExecutors({
    journal,
    slots,
    installer,
    serving: host,
    floors: trust,
    clock,
    logger,
    onChange,
  });
  const reconciler = new Reconciler({
    journal,
    serving: host,
    executors,
    floors: trust,
    settings: store,
    clock,
    logger,
    onChange,
    random: Math.random,
    // What is deployed goes before what is measured.
    onBusy: (busy) => (busy ? tuner.interrupt("a deployment has something to do") : tuner.wake()),
  });

  // Tuning: other ways to run the model, measured beside the one that serves.
  const contenders = new CandidateProcesses({
    locate: (bundleId) => candidates.locate(bundleId),
    settings: { childEnvironment: settings.runtimeEnvironment },
  });
  const tuner: LazyTuner = new LazyTuner(
    {
      loader: contenders,
      store: candidates,
      conditions: new DeviceConditionsReader(hostFiles),
      settings: store,
      clock,
      logger,
      random: Math.random,
      incumbent: () => incumbentOf(host),
      environment: () => environmentOf(inventory.monitor.latest),
      ...(emulated ? { cores: availableParallelism() } : {}),
      mayMeasure: () => !reconciler.isBusy && ["ready", "none"].includes(host.state().state),
      report: (report) => link.publishTuning(report),
      atomically: (work) => outbox.atomically(work),
      onChange,
    },
    running.signal,
  );

  // Link: the line to the control plane.
  const link: Link = new Link({
    url: identity.mqttUrl,
    deviceId,
    tls: identity.tls,
    onCertificateRefused: () => renewal.noteRefused(),
    outbox,
    settings: store,
    clock,
    logger,
    random: Math.random,
    newSessionId: randomUUID,
    onNudge: (nudge) => follower.nudge(nudge),
    // Level-triggered: whatever either side missed or lost, each connect brings it up to date.
    onConnected: () => {
      reports?.flush(true);
      inventory.publish();
      follower.noteConnected();
      hasReported = true;
    },
  });

  // Orders: what this device shall do, by both repositories' signatures and nobody's word.
  const follow = () => {
    telemetry.setWindowSeconds(reconciler.desired?.telemetry.windowSeconds ?? DEFAULT_WINDOW_SECONDS);
    tuner.accept(reconciler.desired?.tuning ?? null);
  };
  const follower: OrderFollower = createFollower(trust, reconciler, link, {
    onOrder: follow,
    onRefusal: onChange,
    tell,
    clock,
    logger,
    periodMs: context.ordersPeriodMs,
  });

  // Telemetry: what the device sees of itself.
  const metrics = new SystemMetricsReader({
    files: hostFiles,
    pids: () => [process.pid, ...host.pids(), ...contenders.pids()],
  });
  const telemetry: TelemetryReporter = new TelemetryReporter({
    deviceId,
    settings: store,
    atomically: (work) => outbox.atomically(work),
    publish: (window) => link.publishTelemetry(window),
    dropped: () => outbox.dropped("telemetry"),
    newStreamId: randomUUID,
    windowSeconds: DEFAULT_WINDOW_SECONDS,
    readSystem: () => metrics.read(),
    clock,
    logger,
  });

  reports = new ReportPublisher({
    build: () =>
      buildReport({
        deviceId,
        agent: { version: AGENT_VERSION, bootId, startedAt },
        desired: reconciler.desired,
        activeSlot: slots.active(),
        installed: slots.allInstalled(),
        record: journal.record,
        progress: executors.progress,
        tuning: tuner.state,
        ordersRefusal: follower.refusal,
        serving: { ...host.state(), endpoint: server.endpoint },
        outbox: { queued: outbox.totals().messages, droppedTelemetry: outbox.dropped("telemetry") },
      }),
    publish: (report) => link.publishReported(report),
    atomically: (work) => outbox.atomically(work),
    logger,
    settings: store,
    clock,
    signal: running.signal,
  });

  // Inventory: what hardware this is.
  const inventory = createInventory(settings, store, link, clock, logger, () => tuner.wake());

  // What was verified before holds at once, with or without a network.
  follow();
  telemetry.start();
  link.start();
  const loops = [
    renewal.run(running.signal),
    reconciler.run(running.signal),
    follower.run(running.signal),
    inventory.monitor.run(running.signal),
    site.run(running.signal),
    listen(),
  ];
  logger.info("agent is up", { deviceId, version: AGENT_VERSION, emulated });

  /** A port that is taken hides the model from its users, not the device from its operators: they are told, and it is tried again. */
  async function listen(): Promise<void> {
    for (let told = false; !running.signal.aborted; told = true) {
      try {
        logger.info("inference endpoint is up", { endpoint: await server.start() });
        return onChange();
      } catch (thrown) {
        const { message } = SartorError.from(thrown);
        const sentence = `The inference endpoint cannot listen on ${settings.inferenceHost}:${settings.inferencePort}: ${message}.`;
        if (!told) tell({ level: "error", code: "SRT_CONFIG_INVALID", message: sentence });
        logger.error(sentence);
        await clock.sleep(LISTEN_RETRY_MS, running.signal).catch(() => undefined);
      }
    }
  }

  return {
    deviceId,
    hasProved: () =>
      hasReported &&
      link.connected &&
      outbox.totals().messages === 0 &&
      (journal.committed === null || host.state().state === "ready"),
    stop: async () => {
      logger.info("agent is stopping");
      executors.noteStop();
      running.abort();
      await server.stop();
      await Promise.all([...loops, tuner.ended()]);
      await host.stop();
      await telemetry.stop();
      reports?.flush();
      await link.stop();
      identity.tls.close();
      database.close();
      logger.info("agent has stopped");
    },
  };
}

function servingOf(host: ModelHost) {
  const { bundleId, model, version, variant, state } = host.state();
  if (
    state === "none" ||
    bundleId === undefined ||
    model === undefined ||
    version === undefined ||
    variant === undefined
  )
    return undefined;
  return { bundleId, model, version, variant };
}

/** What serves now, as the tuner compares it with other candidates. */
function incumbentOf(host: ModelHost) {
  const bundle = host.current()?.bundle;
  if (bundle === undefined) return undefined;
  const { bundleId, manifest, runtime } = bundle;
  const { name, kind } = manifest.variant;
  return { bundleId, model: manifest.model, version: manifest.version, variant: { name, kind }, runtime };
}

/** What a measurement's result depends on besides the candidates; undefined before the first inventory. */
function environmentOf(inventory: Inventory | undefined): TuningEnvironment | undefined {
  if (inventory === undefined) return undefined;
  const { runtime, jetson, memory, cpu } = inventory;
  return {
    agentVersion: runtime.agentVersion,
    onnxRuntimeVersion: runtime.onnxRuntimeVersion,
    powerModeId: jetson?.powerMode?.id ?? null,
    memoryBytes: memory.totalBytes,
    logicalCores: cpu.logicalCores,
  };
}
