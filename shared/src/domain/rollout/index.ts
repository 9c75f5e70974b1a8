export {
  INITIAL_ROLLOUT,
  planRollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutPlan,
  type RolloutState,
} from "./rollout-machine.js";
export { settleWave, type WaveCounts } from "./wave.js";
