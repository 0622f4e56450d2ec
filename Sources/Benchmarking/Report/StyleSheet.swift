/// The look of a report: on a screen of any width, light or dark, and on paper.
enum StyleSheet {
    static let text = """
        :root { color-scheme: light dark; --text: #1b1b1b; --weak: #5c5c5c; --ground: #fff; --box: #f4f5f7; --line: #d5d8dc;
          --link: #0b57a4; --shade: #0005; }
        @media (prefers-color-scheme: dark) {
          :root { --text: #e4e4e4; --weak: #a5a8ad; --ground: #16181b; --box: #212429; --line: #3a3f46; --link: #8ab8f0;
            --shade: #fff5; }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body { margin: 0 auto; max-width: 80rem; padding: 1rem clamp(0.9rem, 3vw, 2.5rem) 3rem; color: var(--text);
          background: var(--ground); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
        h1 { font-size: clamp(1.5rem, 5vw, 2.1rem); line-height: 1.2; margin: 0.6em 0 0.3em; }
        h2 { font-size: 1.35rem; line-height: 1.25; margin: 2.4em 0 0.5em; padding-top: 0.7em;
          border-top: 1px solid var(--line); }
        h3 { font-size: 1.05rem; margin: 1.8em 0 0.4em; }
        a { color: var(--link); }
        p { max-width: 46rem; margin: 0.6em 0; }
        .weak, figcaption, .caption, small, dt, .missing { color: var(--weak); }
        .note { border-left: 4px solid #e69f00; padding: 0.3em 0.8em; background: var(--box); }
        nav ol { margin: 0.6em 0; padding-left: 1.5em; }
        dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: 0.35em 1.5em;
          margin: 0.8em 0; padding: 0.7em 0.9em; background: var(--box); border-radius: 6px; font-size: 0.9rem; }
        dl div { min-width: 0; }
        dl .wide { grid-column: 1 / -1; }
        dt { font-size: 0.8rem; line-height: 1.3; }
        dd { margin: 0; overflow-wrap: anywhere; }
        code, pre { font: 0.85rem/1.5 ui-monospace, monospace; }
        pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--box); padding: 0.7em 0.9em; border-radius: 6px; }
        ul { padding-left: 1.3em; max-width: 46rem; }
        .box { margin: 0.8em 0 1.2em; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
        /* A shadow lies on the side where a table goes on beyond its box. */
        .table { overflow-x: auto; background: linear-gradient(to right, var(--ground) 40%, transparent) left,
          linear-gradient(to left, var(--ground) 40%, transparent) right,
          linear-gradient(to right, var(--shade), transparent) left, linear-gradient(to left, var(--shade), transparent) right;
          background-size: 2.5rem 100%, 2.5rem 100%, 0.9rem 100%, 0.9rem 100%; background-repeat: no-repeat;
          background-attachment: local, local, scroll, scroll; }
        table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
        .caption { margin: 0; max-width: none; padding: 0.55em 0.75em; font-size: 0.85rem;
          border-bottom: 1px solid var(--line); }
        th, td { padding: 0.45em 0.6em; text-align: right; vertical-align: top; }
        td { white-space: nowrap; }
        .long { white-space: normal; overflow-wrap: anywhere; }
        thead th { vertical-align: bottom; line-height: 1.25; font-weight: 600; }
        th:first-child { text-align: left; position: sticky; left: 0; background: var(--ground); }
        tbody th { font-weight: 600; min-width: 9em; max-width: 18em; overflow-wrap: anywhere; }
        tbody tr { border-top: 1px solid var(--line); }
        small { display: block; font-size: 0.8rem; font-weight: 400; line-height: 1.35; white-space: normal; }
        .missing { display: inline-block; white-space: normal; max-width: 7.5em; font-size: 0.8rem; line-height: 1.35; }
        .patch { display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.45em; border-radius: 2px;
          border: 1px solid #8888; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem;
          align-items: start; margin: 1em 0; }
        .beside { display: grid; gap: 1rem; align-items: start; }
        @media (min-width: 62rem) { .beside { grid-template-columns: 27rem minmax(0, 1fr); } }
        .beside > * { min-width: 0; margin: 0.8em 0 0; }
        .beside td small { white-space: nowrap; }
        .beside tbody th { min-width: 6em; }
        .beside .box:first-child { margin-top: 0; }
        figure { margin: 0; min-width: 0; max-width: 40rem; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
        figure svg { display: block; width: 100%; height: auto; background: #fff; }
        figcaption { padding: 0.5em 0.8em; font-size: 0.85rem; border-top: 1px solid var(--line); }
        footer { margin-top: 3em; padding-top: 0.8em; border-top: 1px solid var(--line); font-size: 0.85rem; color: var(--weak); }
        @media (max-width: 30rem) {
          th, td { padding: 0.4em 0.55em; }
          tbody th { min-width: 8em; max-width: 10em; }
        }
        /* A wide table on a phone: a card for each row, with each value below the name of its column. */
        @media screen and (max-width: 46rem) {
          .cards, .cards tbody, .cards th, .cards td { display: block; }
          .cards thead, .cards .none { display: none; }
          .cards tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 0.2em 1em;
            padding: 0.6em 0.75em; }
          .cards tbody tr:first-child { border-top: 0; }
          .cards tbody th { grid-column: 1 / -1; max-width: none; padding: 0; }
          .cards td { padding: 0.15em 0; text-align: left; white-space: normal; }
          .cards td::before { content: attr(data-name); display: block; font-size: 0.75rem; color: var(--weak); line-height: 1.3; }
        }
        @media print {
          :root { color-scheme: light; --text: #000; --weak: #444; --ground: #fff; --box: #f2f2f2; --line: #bbb; --link: #000; }
          body { max-width: none; padding: 0; font-size: 9pt; }
          .box, .table { overflow: visible; }
          .box { border: 0; }
          .caption { padding-left: 0; }
          table { font-size: 7.5pt; }
          small, .missing { font-size: 6.5pt; }
          th, td { padding: 0.3em 0.4em; }
          tbody th { min-width: 13em; }
          .table { background: none; }
          .figures { grid-template-columns: 1fr 1fr; }
          .beside { grid-template-columns: 9cm minmax(0, 1fr); }
          figure, tr, pre, dl { break-inside: avoid; }
          .beside svg { max-height: 16cm; }
          h2, h3, .caption, thead { break-after: avoid; }
        }
        @page { size: landscape; margin: 12mm; }
        """
}
