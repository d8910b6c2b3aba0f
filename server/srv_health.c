/* SPDX-License-Identifier: BSD-2-Clause */

/* Own */
#include "server/http_buf.h"
#include "server/srv_health.h"

/* write_text - UTF-8 as a JSON string */
static void
write_text(const char *text, struct http_buf *out)
{
	http_buf_add(out, "\"", 1);
	for (const char *s = text; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch < 0x20 || ch == 0x7f || ch == '"' || ch == '\\')
			http_buf_printf(out, "\\u%04x", ch);
		else
			http_buf_add(out, s, 1);
	}
	http_buf_add(out, "\"", 1);
}

void
srv_health_write(const struct srv_health *now, struct http_buf *out)
{
	bool ill = now->ill[0] != '\0';

	http_buf_printf(out, "{\"status\":\"%s\",\"hypervisor\":",
	    now->is_lost || ill || now->refuses_writes ? "degraded" : "ok");
	write_text(now->is_lost ? "lost" : ill ? now->ill : "ok", out);
	http_buf_printf(out,
	    ",\"memory\":\"%s\",\"store\":\"%s\",\"event_waits\":%u}\n",
	    now->observes ? "observed" : "managed",
	    now->refuses_writes ? "refuses writes" : "ok", now->event_waits);
}
