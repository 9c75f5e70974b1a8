export { CardPage } from "./card-page.js";
export { UnsignedVersionNote } from "./signed-state.js";
export { VersionPage } from "./version-page.js";
