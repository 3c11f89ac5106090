/**
 * The page's style: one column of at most 1080 px, a type scale of six steps, tabular figures, hairlines instead of
 * boxes. Colour-blind readers can distinguish the hues (blue, orange, amber; Okabe and Ito's order), and symbols also
 * differ in shape. Both schemes satisfy WCAG AA: text 4.5 to 1, strokes that carry meaning 3 to 1 (a test computes the
 * contrast from these values).
 */
export const LIGHT = {
  paper: '#fdfcf9',
  wash: '#f4f1ea',
  ink: '#1d1c1a',
  muted: '#65615a',
  rule: '#d9d4ca',
  grid: '#e8e4da',
  pass: '#16693f',
  fail: '#b42318',
  open: '#8a5300',
  waived: '#5c4a9e',
  ok: '#6493b5',
  info: '#c28000',
  failed: '#cf4520',
  strong: '#0a548c',
  soft: '#5b8fb5',
  shade: '#f3e6cf',
  fault: '#8a5300',
} as const;

export const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  paper: '#15171a',
  wash: '#1e2125',
  ink: '#ebe8e2',
  muted: '#a6a29a',
  rule: '#383b40',
  grid: '#2a2d32',
  pass: '#5fc795',
  fail: '#ff8b78',
  open: '#e9b35c',
  waived: '#b9abf2',
  ok: '#5288ad',
  info: '#eebc45',
  failed: '#ff7a59',
  strong: '#83c5f7',
  soft: '#4f8dbb',
  shade: '#332a1a',
  fault: '#e9b35c',
};

function cssVariables(palette: Readonly<Record<string, string>>): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

const BASE = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.page{max-width:1128px;margin:0 auto;padding:0 24px 64px}
h1,h2,h3,h4,p,ul,ol,dl,dd,figure,pre{margin:0;padding:0}
ul,ol{list-style:none}
h2{font-size:26px;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0 0 20px}
h3{font-size:17px;line-height:1.35;font-weight:650;margin:0 0 4px}
h4{font-size:15px;font-weight:650;margin:24px 0 8px}
a{color:inherit;text-decoration-color:var(--rule);text-underline-offset:3px;text-decoration-thickness:1px}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--strong);outline-offset:2px;border-radius:2px}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
small{display:block;font-size:12.5px;font-weight:400;color:var(--muted)}
h3 code,h3 span{font-weight:400;color:var(--muted);font-size:13px}
.quiet,.note{color:var(--muted)}
.note{font-size:13px;max-width:74ch;margin-top:10px}
.skip{position:absolute;left:-999px}
.skip:focus{left:8px;top:8px;background:var(--paper);padding:6px 10px;z-index:1}
.symbols{position:absolute}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
section{border-top:1px solid var(--ink);padding-top:18px;margin-top:64px}
nav{display:flex;flex-wrap:wrap;gap:4px 22px;padding:14px 0 0;font-size:14px}
nav a{color:var(--muted)}
footer{margin-top:64px;border-top:1px solid var(--rule);padding-top:14px;font-size:13px;color:var(--muted)}
`;

const MASTHEAD = `
.masthead{padding-top:28px}
.kicker{display:flex;justify-content:space-between;border-bottom:1px solid var(--ink);padding-bottom:8px;font-size:14px;font-weight:650}
.kicker span{font-weight:400;color:var(--muted)}
.front{display:grid;grid-template-columns:minmax(0,1fr) 340px;gap:32px 64px;padding:30px 0 34px}
h1{font-size:clamp(60px,13vw,136px);line-height:.86;font-weight:750;letter-spacing:-.05em;margin:0 0 26px -.05em;color:var(--verdict);overflow-wrap:normal}
.unknown h1,.conditional-go h1{font-size:clamp(50px,9.4vw,104px)}
.go{--verdict:var(--pass)}.no-go{--verdict:var(--fail)}.unknown,.conditional-go{--verdict:var(--open)}
.action{font-size:24px;line-height:1.25;font-weight:650;letter-spacing:-.012em;max-width:24em}
.meaning{margin-top:6px;color:var(--muted);max-width:56ch}
.advice{margin-top:14px;max-width:62ch}
.advice li{padding-left:18px;position:relative}
.advice li+li{margin-top:4px}
.advice li::before{content:"→";position:absolute;left:0;color:var(--verdict)}
.facts{font-size:14px;align-self:end}
.facts div{display:grid;grid-template-columns:104px minmax(0,1fr);gap:12px;padding:5px 0;border-top:1px solid var(--grid)}
.facts div:first-child{border-top:0}
.facts dt{color:var(--muted)}
.tally{display:flex;flex-wrap:wrap;gap:14px 36px;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);padding:14px 0 12px}
.count{display:block;font-size:13px;color:var(--muted)}
.count b{font-size:20px;font-weight:650;color:var(--ink);margin-right:2px}
.units{display:flex;flex-wrap:wrap;gap:3px;margin-top:6px}
.sign{display:inline-block;vertical-align:-2.5px;color:var(--muted)}
.sign.pass{color:var(--pass)}.sign.fail{color:var(--fail)}.sign.invalid,.sign.insufficient,.sign.not-measured{color:var(--open)}.sign.waived{color:var(--waived)}
symbol .solid{fill:currentColor}symbol .ring,symbol .stroke{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}symbol .dashed{stroke-dasharray:2.6 2.2}symbol .cut{fill:none;stroke:var(--paper);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.state{white-space:nowrap;font-size:13.5px;font-weight:650;color:var(--muted)}
.state .sign{margin-right:7px}
.state.pass{color:var(--pass)}.state.fail{color:var(--fail)}.state.invalid,.state.insufficient,.state.not-measured{color:var(--open)}.state.waived{color:var(--waived)}
`;

const BLOCKERS = `
.blockers{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:28px 48px}
.blockers li{border-left:3px solid var(--open);padding-left:18px}
.blockers li.fail{border-color:var(--fail)}
.blockers h3{display:flex;flex-wrap:wrap;gap:0 10px;align-items:baseline;margin-bottom:6px}
.blockers h3 .state{font-size:13.5px}.blockers h3 .state span{font-size:inherit;color:inherit;font-weight:650}
.blockers p{margin-top:6px;max-width:62ch}
.blockers .figures{color:var(--muted);font-size:14px}
.blockers .figures b{color:var(--ink);font-size:17px}
.remedy span{font-size:13px;font-weight:650;color:var(--muted);margin-right:6px}
.notice{background:var(--wash);padding:16px 20px;margin-bottom:32px}
.notice li{margin-top:4px}
.broken{margin:8px 0;color:var(--open)}
`;

const TABLES = `
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:8px 16px 8px 0;font-weight:400;border-top:1px solid var(--grid)}
thead th{font-size:13px;color:var(--muted);border-top:0;border-bottom:1px solid var(--rule);vertical-align:bottom;padding-top:0;white-space:nowrap}
tbody tr:first-child>*{border-top:0}
.n{text-align:right;white-space:nowrap}
td:last-child,th:last-child{padding-right:0}
.scroll{overflow-x:auto}
.criteria .group th{font-size:17px;font-weight:650;padding:30px 0 8px;border-top:0;border-bottom:1px solid var(--rule)}
.criteria tbody:nth-of-type(1) .group th{padding-top:20px}
.group span{margin-left:6px;font-weight:400;font-size:13px;color:var(--muted)}
.group+tr>*{border-top:0}
.criteria th[scope=row]{font-weight:600;width:40%}
.criteria .m{font-weight:650}
.criteria .t{white-space:nowrap;color:var(--muted)}
.criteria .c{min-width:130px;font-size:13px}
.criteria .e{font-size:13px;min-width:92px}
.criteria .b{padding-right:10px}
.criteria .s{width:128px}
.criteria tr.fail .m{color:var(--fail)}
.criteria tr:target>*{background:var(--wash)}
.sha{color:var(--muted)}
.bullet{display:block;margin-top:4px}
.bullet .track{fill:var(--grid)}.bullet .bar{fill:var(--muted)}.bullet.pass .bar{fill:var(--pass)}.bullet.fail .bar{fill:var(--fail)}.bullet line{stroke:var(--ink);stroke-width:1.5}
.outside{margin-top:24px}
.outside li{margin:6px 0;font-size:14px}
.outside code,.outside li{color:var(--muted)}.outside b{color:var(--ink);font-weight:600}
details summary{cursor:pointer;color:var(--muted);font-size:13.5px}
details summary:hover{color:var(--ink)}
details[open]>summary{margin-bottom:8px}
.comparison th,.comparison td{padding-right:14px}
.comparison tbody th{font-weight:650;white-space:nowrap}
.comparison tbody tr:first-child>*{border-top:1px solid var(--rule)}
.comparison tbody tr:not(:first-child)>*{border-top:0;padding-top:0}
.comparison .client{white-space:nowrap}
.comparison .some{font-weight:650}
.comparison .bad{color:var(--fail);font-weight:650}
.range{display:block}.range .track{stroke:var(--grid)}.range .span{stroke-width:3;stroke-linecap:round;stroke:var(--soft)}.range circle{fill:var(--strong)}
.range.stock .span{stroke:var(--muted)}.range.stock circle{fill:var(--paper);stroke:var(--muted);stroke-width:2}
.range text{fill:var(--muted);font-size:11px}.range .faint{stroke:var(--rule)}
td .range{margin-top:4px}
.machine th{white-space:normal}.machine th,.machine td{padding-right:10px;font-size:13px}.machine th[scope=row]{overflow-wrap:normal}
`;

const FIGURES = `
.drill{margin-top:52px}
.drill h3{margin-bottom:0}
.safe{color:var(--muted);margin-bottom:16px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:20px 40px;align-items:start}
.stack{display:grid;gap:24px}
figure svg{display:block;width:100%;height:auto;overflow:visible}
figure text{font-size:12px;fill:var(--ink)}
figure .name{font-weight:650;font-size:13.5px}
figure .unit,figure .when,.grid text,.axis text{fill:var(--muted);font-weight:400;font-size:11.5px}
.grid line{stroke:var(--grid)}
.axis line{stroke:var(--muted)}.axis .faint{stroke:var(--grid)}
path.ok{fill:var(--ok)}path.info{fill:var(--info)}path.failed{fill:var(--failed)}
.fault rect{fill:var(--shade)}.fault line{stroke:var(--fault);stroke-width:1.2}.fault text{fill:var(--fault);font-weight:650}
.lane line{stroke:var(--grid)}.lane .struck{fill:var(--shade)}.lane .master{fill:var(--ok)}.lane .event{stroke:var(--muted);stroke-width:1.4}.lane .event.switch{stroke:var(--ink);stroke-width:2}.topology .cards .n{text-align:left}
.marks line{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 3}
.halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.silence path{stroke:var(--ink);fill:none;stroke-width:1.2}.silence text{font-weight:650}.silence .when{font-weight:400}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line.p50{stroke:var(--soft)}.line.p99{stroke:var(--strong)}.line.thin{stroke-width:1}
.label.p50{fill:var(--muted)}.label.p99{fill:var(--strong);font-weight:650}
.hill .body{fill:var(--ok)}.hill .other{fill:none;stroke:var(--ink);stroke-width:1}.hill .base{stroke:var(--muted)}
.hill .tick50{stroke:var(--ink);stroke-width:2}.hill .tick99{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:3 2}
line.target{stroke:var(--fail);stroke-width:1.4}text.target{fill:var(--fail);font-weight:650}
figcaption{margin-top:12px;font-size:13px;color:var(--muted);max-width:120ch}
figcaption+details{margin-top:6px}
figure+figure{margin-top:28px}
.key{display:inline-block;margin-right:14px;white-space:nowrap;color:var(--ink)}
.key::before{content:"";display:inline-block;width:12px;height:12px;margin-right:6px;vertical-align:-1px;background:var(--ok)}
.key.info::before{background:var(--info)}.key.failed::before{background:var(--failed)}.key.shade::before{background:var(--shade);border-left:1.5px solid var(--fault)}
.key.event::before,.key.switch::before{width:0;background:none;border-left:1.5px solid var(--muted)}.key.switch::before{border-left:2px solid var(--ink)}
.key.tick50::before,.key.tick99::before,.key.target::before{width:0;background:none;border-left:2px solid var(--ink)}
.key.tick99::before{border-left:1.5px dashed var(--ink)}.key.target::before{border-color:var(--fail)}.key.outline::before{background:none;border:1px solid var(--ink);height:9px}
.evidence text{fill:var(--muted)}.evidence polyline{fill:none;stroke-width:1.8}.evidence .users{stroke:var(--failed)}.evidence .slow{stroke:var(--strong);stroke-dasharray:2 3}.evidence .limit{stroke:var(--muted);stroke-dasharray:5 4}
.rollout ul{margin:6px 0 16px}.rollout .time{white-space:nowrap}
.trials{margin-top:16px}
.benchmarks{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:28px 64px;align-items:start}
.benchmark caption{text-align:left;font-weight:650;padding-bottom:8px}
.benchmark th,.benchmark td{padding:5px 0;white-space:normal}.benchmark th{padding-right:16px}
.scripts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:0 48px}
.script{border-top:1px solid var(--grid);padding:9px 0}
.script summary{display:grid;grid-template-columns:10px minmax(0,1fr) auto;gap:0 10px;align-items:baseline;color:var(--ink);font-size:14px}
.script summary::before{content:"+";color:var(--muted);width:10px}
.script[open] summary::before{content:"−"}
.script summary::-webkit-details-marker{display:none}
.script summary b{font-weight:600}.script summary code{color:var(--muted);margin-left:6px}
.script .held{white-space:nowrap;color:var(--pass)}.script.bad .held{color:var(--fail)}
.script.bad,.script[open]{grid-column:1/-1}
.script tr.fail td{color:var(--fail)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:32px 64px}
.columns h3{margin-top:28px}.columns>div>h3:first-child{margin-top:0}
.deviations li{margin:6px 0;padding-left:16px;border-left:2px solid var(--rule)}
.facts.wide{align-self:start}.facts.wide div{grid-template-columns:148px minmax(0,1fr)}
pre{background:var(--wash);padding:10px 14px;margin-top:8px;white-space:pre-wrap}
`;

/**
 * In the example report, the comparison table needs 1060 px with drawn ranges, and 836 px in a smaller font without
 * ranges; the criteria table needs 851 px with bars, and 745 px without bars (`test/harness/reports/pages.test.ts`
 * measures these widths).
 */
const MEDIUM = `
@media screen and (max-width:1120px){
.criteria .b,.criteria thead th:nth-child(4),.comparison .r,.comparison thead th:nth-child(5){display:none}
.comparison{font-size:13px}.comparison th,.comparison td{padding-right:10px}
}
@media screen and (max-width:920px){
.comparison thead{display:none}
.comparison,.comparison tbody{display:block}
.comparison tbody{border-top:1px solid var(--rule);padding:10px 0}
.comparison tbody tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:6px 12px;padding:6px 0}
.comparison tbody tr>*,.comparison tbody tr:first-child>*{border:0;padding:0;min-width:0;text-align:left;white-space:normal}
.comparison th[scope=rowgroup],.comparison td.client{grid-column:1/-1;white-space:normal}.comparison .gap{grid-column:span 2}
.comparison td.client{font-weight:600}
.comparison [data-label]::before{content:attr(data-label);display:block;font-size:12px;font-weight:400;color:var(--muted)}
}
`;

const NARROW = `
@media screen and (max-width:820px){
.page{padding:0 16px 48px}
.front{grid-template-columns:minmax(0,1fr);padding:22px 0 26px}
section{margin-top:48px}
.criteria thead{display:none}
.criteria,.criteria tbody{display:block}
.criteria tr{display:flex;flex-wrap:wrap;gap:0 12px;padding:12px 0;border-top:1px solid var(--grid)}
.criteria tr>*{border:0;padding:0;min-width:0}
.criteria tr.group{display:block;padding:0;border:0}.criteria .group th{display:block}.criteria .group+tr{border-top:0}
.criteria tr:not(.group) th[scope=row]{padding-bottom:0}
.criteria th[scope=row]{width:auto}
.criteria .s{flex:0 0 100%;order:-2;width:auto}
.criteria th[scope=row]{flex:0 0 100%;order:-1;margin-bottom:6px}
.criteria .n{text-align:left}
.criteria .t,.criteria .n{white-space:normal}
.criteria .c,.criteria .e{flex:0 0 100%;max-width:none;margin-top:4px}
.criteria .c{color:var(--muted)}
.criteria [data-label=n]::before{content:"n ";color:var(--muted)}
.cards thead{display:none}
.cards,.cards tbody{display:block}
.cards tr{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:6px 12px;padding:10px 0;border-top:1px solid var(--rule)}
.cards tr>*{border:0;padding:0;min-width:0;text-align:left;white-space:normal}
.cards .who,.cards .detail{grid-column:1/-1}.cards .who{font-weight:600}.cards .detail{color:var(--muted)}.cards .detail:empty{display:none}
.cards [data-label]::before{content:attr(data-label);display:block;font-size:12px;font-weight:400;color:var(--muted)}
}
@media screen and (max-width:520px){
figure text{font-size:13.5px}figure .name{font-size:15px}figure .unit,figure .when,.grid text,.axis text{font-size:13px}
}
`;

/**
 * A4 and Letter pages leave about 700 px: tables keep their rows in a smaller font and omit the columns that contain
 * only drawings.
 */
const PRINT = `
@media print{
:root{color-scheme:light;${cssVariables(LIGHT)};--paper:#fff}
body{font-size:10pt}
.page{padding:0 12px;max-width:none}
.front{grid-template-columns:minmax(0,1fr) 240px;gap:24px;padding:18px 0 20px}
h1,.unknown h1,.conditional-go h1{font-size:64px}
nav,.skip{display:none}
section{break-before:auto;margin-top:28pt}
h2,h3,h4,thead,.group{break-after:avoid}
.blockers li,tr,figure svg,figcaption,.benchmark{break-inside:avoid}
section:not(#criteria) details:not(.trials)::details-content,.outside::details-content{content-visibility:visible;block-size:auto}
.scroll{overflow:visible}
table{font-size:8pt}th,td,.comparison th,.comparison td{padding:3px 8px 3px 0}
thead th,small,.state,.criteria .c,.criteria .e,details summary,code{font-size:7.5pt}
thead th,.comparison tbody th,.comparison td.client{white-space:normal}thead th{overflow-wrap:normal}
.criteria .group th{font-size:11pt;padding-top:12px}
.criteria .s{width:86px}.criteria .c{min-width:150px}.criteria .e{min-width:56px}.criteria th[scope=row]{width:30%}
.criteria .b,.criteria thead th:nth-child(4),.comparison .r,.comparison thead th:nth-child(5){display:none}
.machine th,.machine td,.machine small{padding-right:6px;font-size:7pt}
figure svg{max-width:520px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;

export const STYLE = [
  `:root{color-scheme:light dark;${cssVariables(LIGHT)}}`,
  `@media (prefers-color-scheme:dark){:root{${cssVariables(DARK)}}}`,
  BASE,
  MASTHEAD,
  BLOCKERS,
  TABLES,
  FIGURES,
  MEDIUM,
  NARROW,
  '@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}',
  PRINT,
].join('\n');
