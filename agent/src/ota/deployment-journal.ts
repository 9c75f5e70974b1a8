import {
  DEPLOYMENT_STATUSES,
  DEPLOYMENT_STEPS,
  desiredDeploymentSchema,
  digestSchema,
  modelNameSchema,
  releaseCounterSchema,
  reportedDeploymentSchema,
  reportedErrorSchema,
  runtimeSettingsSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import type { SettingsStore } from "../storage/index.js";
import { SLOT_NAMES } from "./slot-store.js";

/** What the agent is about to do, or did last, for one deployment. Written before each step is begun. */
export const deploymentRecordSchema = z.object({
  deployment: desiredDeploymentSchema,
  /** Of the bundle, as the order that began this was verified; absent where no order of this enrolment was: it is not gone on with. */
  releaseCounter: releaseCounterSchema.optional(),
  /** The slot that the bundle goes to. */
  slot: z.enum(SLOT_NAMES),
  status: z.enum(DEPLOYMENT_STATUSES),
  step: z.enum(DEPLOYMENT_STEPS),
  attempt: z.number().int().min(1),
  /** How often the agent was found dead in the middle of activation or probe: breaks restart loops. */
  interruptions: z.number().int().min(0),
  /** How often files that turned out damaged on disk were fetched anew. */
  repairs: z.number().int().min(0).default(0),
  /** Set by an orderly stop, so that the next start does not count it as an interruption. */
  stoppedInOrder: z.boolean().optional(),
  error: reportedErrorSchema.optional(),
  probe: reportedDeploymentSchema.shape.probe,
});
export type DeploymentRecord = z.infer<typeof deploymentRecordSchema>;

/** The bundle that is kept: its probe was passed. */
export const committedSchema = z.object({
  slot: z.enum(SLOT_NAMES),
  bundleId: digestSchema,
  model: modelNameSchema.optional(),
  /** As its order was verified; absent for what a former release or identity installed. */
  releaseCounter: releaseCounterSchema.optional(),
  /** The settings that it was proved with; as the bundle says when absent. */
  runtime: runtimeSettingsSchema.optional(),
});
export type Committed = z.infer<typeof committedSchema>;

const stateSchema = z.object({ committed: committedSchema.nullable(), record: deploymentRecordSchema.nullable() });
type State = z.infer<typeof stateSchema>;

const KEY = "deployment";

/**
 * The journal: what is committed and where the deployment in hand stands, in one durable value, so that a commit changes both at
 * once or neither.
 */
export class DeploymentJournal {
  readonly #store: SettingsStore;
  #state: State;

  constructor(store: SettingsStore) {
    this.#store = store;
    this.#state = store.load(KEY, stateSchema) ?? { committed: null, record: null };
  }

  get committed(): Committed | null {
    return this.#state.committed;
  }

  get record(): DeploymentRecord | null {
    return this.#state.record;
  }

  /** Writes the record; durable when it returns. */
  write(record: DeploymentRecord | null): void {
    this.#save({ ...this.#state, record });
  }

  /** Writes record and committed bundle together. */
  commit(committed: Committed | null, record: DeploymentRecord | null): void {
    this.#save({ committed, record });
  }

  /**
   * Forgets by whose orders things were installed: they were a former identity's, and the counters of another fleet mean nothing here. What is
   * committed stays; what is under way will not be gone on with.
   */
  forgetReleases(): void {
    const { committed, record } = this.#state;
    this.#save({
      committed: committed && { ...committed, releaseCounter: undefined },
      record: record && { ...record, releaseCounter: undefined },
    });
  }

  #save(state: State): void {
    this.#store.save(KEY, state);
    this.#state = state;
  }
}
