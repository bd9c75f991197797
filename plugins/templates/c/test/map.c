/* The mapping is a plain function, so any compiler tests it without a sandbox. */

#include "../plugin.c"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>

int main(void) {
    gm_context context = {.run_id = GM_TEXT("run")};
    team_row row = {0};
    team blue = {.team = GM_TEXT("t"), .name = GM_TEXT(" Team 1 ")};
    assert(map(&blue, &row, &context).verdict == GM_VERDICT_ROW);
    assert(gm_is(row.name, "Team 1") && !row.plan.present);

    team nameless = {.team = GM_TEXT("t"), .name = GM_TEXT("  ")};
    gm_outcome outcome = map(&nameless, &row, &context);
    assert(outcome.verdict == GM_VERDICT_REFUSED && gm_is(outcome.refusal->code, "name-empty"));
    puts("ok");
}
