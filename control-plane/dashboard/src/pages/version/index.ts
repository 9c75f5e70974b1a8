export { CardPage } from "./card-page.js";
export { VersionPage } from "./version-page.js";
