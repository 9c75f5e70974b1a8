import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import { App } from "./app.js";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/forms.css";
import "./styles/pages.css";
import "./styles/table.css";
import "./styles/tailoring.css";
import "./styles/trust.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no element #app");
render(<App />, root);
