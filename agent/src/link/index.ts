export { type BackoffPolicy, planBackoff } from "./backoff.js";
export { type BrokerAddress, parseBrokerUrl } from "./broker-address.js";
export { Link, type LinkOptions, type LinkState } from "./link.js";
