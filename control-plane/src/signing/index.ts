export { DirectorService, type Order, type OrderedBundle } from "./director.service.js";
export { SignedBundles } from "./signed-bundles.service.js";
export { SigningModule } from "./signing.module.js";
