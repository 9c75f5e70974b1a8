import { Link } from "../../router/index.js";
import { useTitle } from "../use-title.js";
import { TokenForm } from "./token-form.js";
import { WaitingPart } from "./waiting-part.js";

/** How devices get in: those that wait for a person, and tokens for new ones. */
export function EnrolmentPage() {
  useTitle("Enrolment");
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/">Fleet</Link> <span aria-hidden="true">/</span> Enrolment
      </nav>
      <div class="page-head">
        <h1>Enrolment</h1>
      </div>
      <WaitingPart />
      <TokenForm />
    </div>
  );
}
