/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/http_buf.h"
#include "server/srv_health.h"

Test(health, one_line_says_it)
{
	static const struct {
		const char *must;
		struct srv_health now;
		const char *line;
	} rows[] = {
	    {"all is well", {0},
		"{'status':'ok','hypervisor':'ok','memory':'managed',"
		"'store':'ok'"},
	    {"to observe is no illness", {.observes = true},
		"{'status':'ok','hypervisor':'ok','memory':'observed',"
		"'store':'ok'"},
	    {"no process counts more than what it said",
		{.is_lost = true, .ill = "no xenstored"},
		"{'status':'degraded','hypervisor':'lost',"
		"'memory':'managed','store':'ok'"},
	    {"what it lacks, in its own words",
		{.ill = "it \"hangs\"\n\\\x7f \xc3\xa9"},
		"{'status':'degraded','hypervisor':"
		"'it \\u0022hangs\\u0022\\u000a\\u005c\\u007f \xc3\xa9',"
		"'memory':'managed','store':'ok'"},
	    {"a full disk", {.refuses_writes = true},
		"{'status':'degraded','hypervisor':'ok','memory':'managed',"
		"'store':'refuses writes'"},
	};
	struct http_buf out;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		http_buf_init(&out, 4096);
		srv_health_write(&rows[i].now, &out);
		http_buf_add(&out, "", 1);
		for (char *p = out.p; (p = strchr(p, '"')) != NULL;)
			*p = '\''; /* so that the table can be read */
		cr_expect_eq(strncmp(out.p, rows[i].line, strlen(rows[i].line)),
		    0, "%s: %s", rows[i].must, out.p);
		http_buf_fini(&out);
	}
}
