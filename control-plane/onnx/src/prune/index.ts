export * from "./channel-statistics.js";
export { keptCount } from "./choose-channels.js";
export * from "./prune-channels.js";
