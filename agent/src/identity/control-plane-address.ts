/** An address below the control plane's, which may itself have a path (a proxy in front of it). */
export function addressOf(baseUrl: string, path: string): URL {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/\/$/, "") + path;
  return url;
}
