/** What variants name as the tool that wrote them. */
export const PRODUCER = "sartor";
/** No version: a new release of Sartor that computes the same must give the same bytes. */
export const emptyToolVersion = "";
