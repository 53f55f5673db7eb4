import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Prints, for each file and flavour, whether veraPDF finds the file to conform. */
public class Vera {
  public static void main(String[] args) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    for (String file : args) {
      for (String name : new String[] {"3a", "ua1"}) {
        PDFAFlavour flavour = PDFAFlavour.fromString(name);
        try (FileInputStream in = new FileInputStream(file);
            PDFAParser parser = Foundries.defaultInstance().createParser(in, flavour);
            PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
          ValidationResult found = validator.validate(parser);
          System.out.println((found.isCompliant() ? "PASS " : "FAIL ") + name + " " + file);
          for (TestAssertion one : found.getTestAssertions()) {
            System.out.println("  " + one.getRuleId().getClause() + "-" + one.getRuleId().getTestNumber() + " " + one.getMessage());
          }
        }
      }
    }
  }
}
