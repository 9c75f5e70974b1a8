export { ContentStore, type ContentStoreOptions } from "./content-store.js";
export { fetchFrom } from "./fetch-content.js";
export { InstalledContent } from "./installed-content.js";
export { getFromOwnCache } from "./own-cache.js";
export { SiteCache, type SiteCacheOptions } from "./site-cache.js";
export { SiteCacheServer, type SiteCacheServerOptions } from "./site-cache-server.js";
