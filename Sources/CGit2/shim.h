// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <git2.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

/// A backend of objects whose callbacks are ours.
typedef struct {
    git_odb_backend backend;
    void *store;
} sp_left_backend;

/// Makes libgit2 ignore every configuration but the repository's own, and bounds what a pack may hold.
///
/// git_libgit2_opts is variadic, so Swift cannot call it. Owner validation is off because we name the repository
/// ourselves and read it under an id that need not own it; nothing that its configuration could start exists here.
static inline int sp_git_confine(size_t most_objects, size_t largest_object) {
    int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL};
    int result = 0;
    for (unsigned i = 0; i < sizeof levels / sizeof *levels && result == 0; i++) {
        result = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    }
    if (result == 0) result = git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
    if (result == 0) result = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    if (result == 0) result = git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
    if (result == 0) result = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, most_objects);
    if (result == 0) result = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, largest_object);
    return result;
}

/// The index of a merge that is tried and not kept: what it writes goes into memory, and is forgotten with the repository.
///
/// Renames are not looked for, which bounds the work by the files that both sides changed. Drivers of the repository's
/// attributes are names only here; nothing is executed for them.
static inline int sp_git_try_merge(git_index **out, git_repository *repository, const git_commit *ours,
                                   const git_commit *theirs) {
    git_odb *objects = NULL;
    git_odb_backend *memory = NULL;
    git_merge_options options = GIT_MERGE_OPTIONS_INIT;
    options.flags = GIT_MERGE_SKIP_REUC | GIT_MERGE_NO_RECURSIVE;
    int result = git_repository_odb(&objects, repository);
    if (result == 0) result = git_mempack_new(&memory);
    // Before all others: the first backend that can write is the one that is written to.
    if (result == 0) result = git_odb_add_backend(objects, memory, 1000);
    if (result == 0) result = git_merge_commits(out, repository, ours, theirs, &options);
    git_odb_free(objects);
    return result;
}

/// A bare repository without template, whose HEAD names a branch that need not exist yet.
static inline int sp_git_init_bare(git_repository **out, const char *path, const char *branch) {
    git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT | GIT_REPOSITORY_INIT_MKDIR;
    options.initial_head = branch;
    return git_repository_init_ext(out, path, &options);
}

/// The difference between two trees, binary files included, as a patch can carry it.
/// Without a first tree everything is new.
static inline int sp_git_diff(git_diff **out, git_repository *repository, git_tree *from, git_tree *to) {
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.flags = GIT_DIFF_SHOW_BINARY | GIT_DIFF_INCLUDE_TYPECHANGE;
    options.max_size = 16 << 20;
    return git_diff_tree_to_tree(out, repository, from, to, &options);
}

/// The difference between two trees by the numbers of changed lines alone. Only what has the very same content under another
/// name is a rename: how alike two files are is a guess, and its price is theirs to choose who wrote them.
static inline int sp_git_diff_lines(git_diff **out, git_repository *repository, git_tree *from, git_tree *to) {
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    git_diff_find_options renames = GIT_DIFF_FIND_OPTIONS_INIT;
    options.flags = GIT_DIFF_INCLUDE_TYPECHANGE;
    options.context_lines = 0;
    options.max_size = 16 << 20;
    int result = git_diff_tree_to_tree(out, repository, from, to, &options);
    renames.flags = GIT_DIFF_FIND_RENAMES | GIT_DIFF_FIND_EXACT_MATCH_ONLY;
    return result == 0 ? git_diff_find_similar(*out, &renames) : result;
}

/// Writes a tree into a directory as it is stored: no filter runs, no index is kept, nothing outside is looked at.
static inline int sp_git_checkout(git_repository *repository, git_tree *tree, const char *directory) {
    git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
    options.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX | GIT_CHECKOUT_NO_REFRESH;
    options.disable_filters = 1;
    options.target_directory = directory;
    return git_checkout_tree(repository, (const git_object *)tree, &options);
}
