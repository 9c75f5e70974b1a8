import { ERROR_CODES } from "@sartor/shared/errors";
import { defineConfig } from "vite";

/**
 * The page is built into `dist/site`; `dist` itself holds the type checker's output, so only the site's folder is
 * emptied. Nothing is inlined and no polyfill is injected: the page runs under a strict content security policy.
 */
export default defineConfig({
  // Of the shared packages the page takes types only. What people read about an error is text, so it is put in as data.
  define: { SARTOR_ERROR_TEXTS: JSON.stringify(ERROR_CODES) },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist/site",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
