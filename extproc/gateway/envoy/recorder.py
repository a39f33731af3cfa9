"""A record of every error that Envoy makes itself, written before the error leaves.

Envoy's access log is written by a thread of its own, so an Envoy that is killed can have sent an error of which no log
tells (docs/decisions/0004). Nothing configurable makes that log synchronous in Envoy 1.40, but Lua in the filter chain
may call write(2). The mappers of `local_reply_config` mark their replies with a header; this filter takes the mark off
and appends a line to the edge log.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from extproc.gateway.envoy.settings import Json, any_of, lua_string
from extproc.model import REQUEST_ID

MARK = "x-kt-local"
MARK_VALUE = "%REQ(:METHOD)% %PATH(NQ:ORIG_OR_PATH):1024%"

_CODE = Template(r"""
local function json(text)
  return (text:gsub('[%c"\\\128-\255]', function(c) return string.format("\\u%04x", c:byte()) end))
end
function envoy_on_response(handle)
  local headers = handle:headers()
  local mark = headers:get($mark)
  if mark == nil then return end
  headers:remove($mark)
  local method, path = mark:match("^(%S+) (.*)$$")
  local line = string.format('{"k":"local","id":"%s","at":%.3f,"status":%s,"method":"%s","path":"%s"}\n',
    json(headers:get($id) or ""), handle:timestamp() / 1000, headers:get(":status"),
    json(method or ""), json(path or ""))
  local file, fault = io.open($file, "a")
  if file == nil then
    handle:logErr("the edge log cannot be written: " .. fault)
    return
  end
  file:write(line)
  file:close()
end
""")


def recorder(edge_log: Path) -> Json:
    """The filter. It stands before all others, and so sees a reply last."""
    code = _CODE.substitute(mark=lua_string(MARK), id=lua_string(REQUEST_ID), file=lua_string(str(edge_log)))
    config = any_of("extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": code})
    return {"name": "recorder", "typed_config": config}
