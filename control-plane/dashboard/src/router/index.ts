export { Link, type LinkProps } from "./link.js";
export { navigate, type Place, replaceQuery, usePlace } from "./navigation.js";
export {
  cardPath,
  devicePath,
  newRolloutPath,
  PEOPLE_PARTS,
  type PeoplePart,
  parseRoute,
  peoplePath,
  type Route,
  rolloutPath,
  VERSION_PARTS,
  type VersionPart,
  versionPath,
} from "./route.js";
