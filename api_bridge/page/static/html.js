/** Markup in plain modules: `html` is bound to Preact once, here. */

import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
