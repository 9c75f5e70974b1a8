export { Link, type LinkProps } from "./link.js";
export { navigate, type Place, replaceQuery, usePlace } from "./navigation.js";
export { devicePath, parseRoute, type Route, rolloutPath } from "./route.js";
