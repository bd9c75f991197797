/* The rules are a plain function, so any compiler tests them without a sandbox. */

#include "../validator.c"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>

int main(void) {
    gm_context context = {.run_id = GM_TEXT("run")};
    gm_findings found = {0};
    judge(&(team){.plan = GM_SOME(GM_S("pro"))}, &found, &context);
    assert(found.len == 0);

    judge(&(team){.plan = GM_NONE}, &found, &context);
    assert(found.len == 1 && gm_is(found.all[0].rule, "plan-missing") && !found.all[0].is_error);

    judge(&(team){.plan = GM_SOME(GM_S("gold")), .created_at = GM_SOME({1})}, &found, &context);
    assert(found.len == 3 && gm_is(found.all[1].rule, "plan-unknown") && gm_is(found.all[2].rule, "created-later"));
    puts("ok");
}
