#ifndef TOPO_TREE_H
#define TOPO_TREE_H
/* Recorded file systems: lines "PATH TEXT" become files, several lines of one path one file. */

/* A new temporary folder; the pointer stays valid until tree_remove. */
char *tree_new(void);
void tree_add_line(const char *root, const char *line);
/* All lines of a file. */
void tree_add_file(const char *root, const char *file);
/* Removes the folder and frees its name. */
void tree_remove(char *root);
#endif
