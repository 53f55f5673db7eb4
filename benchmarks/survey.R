# Times each step of benchmarks/survey.py in R's survey package; prints name, seconds, figures.
arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(survey))
d <- read.csv(arguments[1])
times <- as.integer(arguments[2])
d$area <- factor(d$area); d$age <- factor(d$age); d$sex <- factor(d$sex)
d$top <- as.numeric(d$q1 >= 4)
d$topf <- factor(d$top)
timed <- function(name, call, figures) {
  spent <- numeric(times)
  for (i in seq_len(times)) {
    gc(FALSE)
    spent[i] <- system.time(result <- call())[["elapsed"]]
  }
  cat(name, format(median(spent), digits = 6), format(figures(result), digits = 12), "\n")
  invisible(result)
}
des <- timed("design", function()
  svydesign(ids = ~psu, strata = ~stratum, weights = ~weight, data = d, nest = TRUE),
  function(r) degf(r))
timed("mean", function() svymean(~q1, des, na.rm = TRUE), function(r) c(coef(r), SE(r)))
timed("domains", function() svyby(~q1, ~area, des, svymean, na.rm = TRUE),
  function(r) c(coef(r), SE(r)))
timed("rao_scott", function() svychisq(~age + topf, des, statistic = "F"),
  function(r) c(r$statistic, r$p.value))
timed("glm", function() svyglm(top ~ age + sex, design = des, family = quasibinomial()),
  function(r) c(coef(r), SE(r)))
ages <- data.frame(age = c("18-34", "35-59", "60+"), Freq = c(0.30, 0.45, 0.25) * 1e6)
sexes <- data.frame(sex = c("female", "male"), Freq = c(0.51, 0.49) * 1e6)
timed("rake", function()
  rake(des, list(~age, ~sex), list(ages, sexes), control = list(maxit = 50, epsilon = 1e-3)),
  function(r) range(weights(r)))
